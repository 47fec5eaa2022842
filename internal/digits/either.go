package digits

// OneLanguage hears the whole string in Chinese or in English, whichever fits it
// better. Nobody changes the language half way, and rows that sum both languages
// take a word of one for a like-sounding word of the other. The thresholds of a
// calibration are for this way of hearing.
const OneLanguage Language = "one"

func oneLanguage(names []string) (Classes, error) {
	zh, err := newClasses(names, Chinese)
	en, enErr := newClasses(names, English)
	switch {
	case err == nil && enErr == nil:
		return Classes{one: [2]*Classes{zh, en}}, nil
	case enErr == nil: // a recogniser of one language
		return *en, nil
	case err == nil:
		return *zh, nil
	}
	return Classes{}, err
}

// scoreOne is Score in the language in which the expected digits fit better.
func scoreOne(logp [][]float32, c Classes, expect string) (a float64, better, heard int, onsets []int) {
	a, better, heard, onsets = Score(logp, *c.one[0], expect)
	if ea, eb, eh, eo := Score(logp, *c.one[1], expect); ea > a {
		return ea, eb, eh, eo
	}
	return a, better, heard, onsets
}

// likelihoodsOne is Likelihoods, each string in the language that fits it better.
func likelihoodsOne(logp [][]float32, c Classes, expect []string) []float64 {
	out := Likelihoods(logp, *c.one[0], expect)
	for i, a := range Likelihoods(logp, *c.one[1], expect) {
		out[i] = max(out[i], a)
	}
	return out
}
