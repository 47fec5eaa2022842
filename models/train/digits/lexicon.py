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
