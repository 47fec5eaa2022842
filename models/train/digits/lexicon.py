"""What the digits are in each synthesiser's spelling, and what is not a digit."""
# class name -> pinyin; tones that are also heard in running speech follow
ZH = {"zh0": ["ling2"], "zh1": ["yi1", "yi1", "yi2", "yi4"], "zh2": ["er4"], "zh3": ["san1"], "zh4": ["si4"],
      "zh5": ["wu3", "wu3", "wu2"], "zh6": ["liu4"], "zh7": ["qi1", "qi1", "qi2"], "zh8": ["ba1", "ba1", "ba2"],
      "zh9": ["jiu3", "jiu3", "jiu2"], "zhy": ["yao1"]}
EN = {"en0": "zero", "en1": "one", "en2": "two", "en3": "three", "en4": "four", "en5": "five", "en6": "six",
      "en7": "seven", "en8": "eight", "en9": "nine", "eno": "oh"}
# Mandarin digits in the phones of English diphone voices (flite, festival):
# a human timbre with a foreign accent, which formant synthesis lacks
ZH_PHONES = {"zh0": ["l iy ng"], "zh1": ["y iy", "iy"], "zh2": ["aa r", "er"], "zh3": ["s aa n", "s ae n"],
             "zh4": ["s z", "s uh", "s ax"], "zh5": ["w uw", "uw"], "zh6": ["l iy ow", "l y ow", "l iy uw"],
             "zh7": ["ch iy"], "zh8": ["b aa", "p aa"], "zh9": ["jh iy ow", "jh y ow", "jh iy uw"],
             "zhy": ["y aw", "iy aw"]}
INITIALS = "b p m f d t n l g k h j q x zh ch r z c".split()
FINALS = {"b": "o ai ei ao an en ang eng ie ian in ing u", "p": "o ai ei ao an en ang eng ie ian in ing u",
          "m": "a o ai ei ao an en ang eng ie ian in ing u", "f": "a o ei ou an en ang eng u",
          "d": "a e ai ao ou an ang eng ie ian ing u uo ui uan ong", "t": "a e ai ao ou an ang eng ie ian ing u uo ui uan ong",
          "n": "a e ai ei ao an en ang eng ie ian u uo uan ong", "l": "a e ai ei ao ou an ang eng ie ian u uo uan ong",
          "g": "e ai ei ao ou an en ang eng u ua uo uai ui uan un uang ong", "k": "e ai ao ou an en ang eng u ua uo uai ui uan un uang ong",
          "h": "e ai ei ao ou an en ang eng u uo uai ui uan un uang ong", "j": "ia ie ian in ing iang u ue uan un",
          "q": "ia ie ian in ing iang u ue uan un", "x": "ia ie ian in ing iang iao u ue uan un",
          "zh": "e ai ao ou an en ang eng u uo ui uan ong", "ch": "e ai ao ou an en ang eng u uo ui uan ong",
          "r": "e ao ou an en ang eng u uo ui uan ong", "z": "ai ao ou en eng u uo ui ong", "c": "ai ao ou en eng u uo ui ong"}
EN_WORDS = """hello people water morning table window school garden market yellow animal button camera doctor evening
father green happy island jacket kitchen letter mother number orange paper question river summer teacher under
village winter yesterday almost because children different every family government history important language
money nothing open picture quickly remember sentence together usually very without young about better country
during enough friend great house idea keep little make never often place right small thank until voice where
please start again stop ready system face light colour screen phone look move turn left head slowly back close
yes maybe sorry excuse good name work today company music coffee bread apple train station airport ticket""".split()
EN_PHONES = "p b t d k g f v s z sh ch jh m n l r w y hh".split(), "iy ih eh ae aa ao uh uw ah ay aw oy ow ey".split()

# The digits in the phones of other languages' diphone voices: human timbres, strong
# accents. What a language has no phones for is left out (si, three).
ACCENTS = {
    "italian": (["lp_diphone", "pc_diphone"], "#",
                {"zh0": "l i1 ng", "zh1": "i1", "zh2": "a1 r", "zh3": "s a1 n", "zh5": "w u1", "zh6": "l j o1 u", "zh7": "tS i1", "zh8": "p a1", "zh9": "tS j o1 u", "zhy": "j a1 o",
                 "en0": "dz i1 r o u", "en1": "w a1 n", "en2": "t u1", "en4": "f O1 r", "en5": "f a1 i v", "en6": "s i1 k s", "en7": "s E1 v e n", "en8": "e1 i t", "en9": "n a1 i n", "eno": "o1 u"}),
    "finnish": (["hy_fi_mv_diphone", "suo_fi_lj_diphone"], "#",
                {"zh0": "l i N", "zh1": "i:", "zh2": "a: r", "zh3": "s a n", "zh5": "v u:", "zh6": "l j o u", "zh7": "t s i:", "zh8": "p a:", "zh9": "t j o u", "zhy": "j a u",
                 "en0": "s i: r o u", "en1": "v a n", "en2": "t u:", "en4": "f o: r", "en5": "f a i v", "en6": "s i k s", "en7": "s e v e n", "en8": "e i t", "en9": "n a i n", "eno": "o u"}),
    "czech": (["czech_ph", "czech_dita", "czech_krb", "czech_machac"], "#",
              {"zh0": "l i n", "zh1": "i:", "zh2": "a r", "zh3": "s a n", "zh5": "v u:", "zh6": "l j o u", "zh7": "c~ i:", "zh8": "p a:", "zh9": "d~ o u", "zhy": "j a o",
               "en0": "z i: r o u", "en1": "v a n", "en2": "t u:", "en4": "f o: r", "en5": "f a j f", "en6": "s i k s", "en7": "s e v e n", "en8": "e j t", "en9": "n a j n", "eno": "o u"})}
ACCENT_PHONES = "p t k b d f s m n l r v".split(), "a e i o u".split()
