package eval

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"faceproof"
	"faceproof/internal/digits"
	"faceproof/internal/eval/aloud"
)

// The synthesiser that speaks where there are no recordings: a program of Debian's
// package of that name beside the product, as in the browser tests.
const (
	espeak      = "espeak-ng"
	espeakLimit = 20 * time.Second // for a word
	espeakBytes = 4 << 20
)

// espeakVoices are its variants, with words a minute and pitch.
var espeakVoices = []struct {
	name, variant string
	speed, pitch  int
}{{"mei", "f2", 125, 55}, {"wang", "m3", 120, 45}, {"lan", "f5", 135, 48}, {"bo", "m7", 130, 40}}

// espeakWords are the digits as it reads them. Mandarin goes in as pinyin: its voice
// for Hanzi has no dictionary in Debian.
var espeakWords = []struct {
	lang, voice string
	words       [10]string
}{
	{"zh", "cmn-latn-pinyin", [10]string{"ling2", "yi1", "er4", "san1", "si4", "wu3", "liu4", "qi1", "ba1", "jiu3"}},
	{"en", "en-us", [10]string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}},
}

// Voices gives who speaks in a campaign of digits: of recordings under dir, laid out
// as for `faceproof eval digits`, those with eight digits or more that are not among
// the trained, or those that are when there are no others; who lacks a digit is not
// asked for it. Without a dir a synthesiser,
// of whose kind the recogniser has heard many. Errors: CodeInvalid, field "voices",
// CodeUnavailable, field "voices", without the synthesiser.
func Voices(ctx context.Context, dir string, trained []string) ([]aloud.Talker, SpeechInfo, error) {
	var clips []aloud.Clip
	var info SpeechInfo
	var err error
	if dir == "" {
		clips, info.Source, err = synthesise(ctx)
	} else {
		info.Source = "recordings"
		clips, info.Digest, err = aloud.Load(dir, nil)
	}
	if err != nil {
		return nil, info, err
	}
	var unheard, all []aloud.Talker
	for _, t := range aloud.Talkers(clips, trained) {
		if t.Trained = t.Trained || dir == ""; !t.Trained {
			unheard = append(unheard, t)
		}
		all = append(all, t)
	}
	if len(unheard) > 0 {
		all = unheard
	}
	if len(all) == 0 {
		return nil, info, faceproof.Errorf(faceproof.CodeInvalid, "voices", "%s has no voice with eight digits", dir)
	}
	for _, t := range all {
		info.Voices = append(info.Voices, VoiceInfo{Voice: t.Lang + "/" + t.ID, Trained: t.Trained})
	}
	return all, info, nil
}

// synthesise has every digit said by every voice.
func synthesise(ctx context.Context) (clips []aloud.Clip, version string, err error) {
	out, err := exec.CommandContext(ctx, espeak, "--version").Output()
	if err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, "", faceproof.Errorf(faceproof.CodeUnavailable, "voices", "%s is needed to speak and is not there: apt-get install %s, or give recordings", espeak, espeak)
		}
		return nil, "", tool(espeak, err)
	}
	version = espeak
	for _, w := range strings.Fields(string(out)) {
		if strings.Contains(w, ".") && w[0] >= '0' && w[0] <= '9' {
			version += " " + w
			break
		}
	}
	dir, err := os.MkdirTemp("", "faceproof-voices")
	if err != nil {
		return nil, "", err
	}
	defer os.RemoveAll(dir)
	for _, lang := range espeakWords {
		for _, v := range espeakVoices {
			for d, word := range lang.words {
				file := filepath.Join(dir, "word.wav")
				samples, err := speak(ctx, file, word, lang.voice+"+"+v.variant, v.speed, v.pitch)
				if err != nil {
					return nil, "", fmt.Errorf("%s: %w", word, err)
				}
				clips = append(clips, aloud.Clip{Path: file, Lang: lang.lang, Voice: v.name, Label: strconv.Itoa(d), Sound: samples})
			}
		}
	}
	return clips, version, nil
}

func speak(ctx context.Context, file, word, voice string, speed, pitch int) ([]int16, error) {
	ctx, cancel := context.WithTimeout(ctx, espeakLimit)
	defer cancel()
	if _, err := exec.CommandContext(ctx, espeak, "-v", voice, "-s", strconv.Itoa(speed), "-p", strconv.Itoa(pitch), "-w", file, word).Output(); err != nil {
		return nil, tool(espeak, err)
	}
	data, err := readSmall(file, espeakBytes)
	if err != nil {
		return nil, err
	}
	s, err := digits.ParseWAV(data, espeakLimit)
	return s.Samples, err
}
