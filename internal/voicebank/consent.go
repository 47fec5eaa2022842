package voicebank

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
)

// Text is what a speaker reads before anything is recorded, in one language.
type Text struct {
	Title      string      `json:"title"`
	Paragraphs []Paragraph `json:"paragraphs"`
	Voice      string      `json:"voice"` // beside the boxes, none of them ticked
	Adult      string      `json:"adult"`
	Film       string      `json:"film"`
}

// Paragraph has a heading of its own.
type Paragraph struct {
	Head string `json:"head"`
	Body string `json:"body"`
}

// Notice is the text in both languages and its version: a digest of just these
// words, so that a receipt proves what was read.
type Notice struct {
	Version string `json:"version"`
	Zh      Text   `json:"zh"`
	En      Text   `json:"en"`
}

// Receipt is stored beside the recordings: what was agreed to, with the words.
type Receipt struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Lang    string `json:"lang"` // zh, en: in which it was read
	Text    Text   `json:"text"`
	Voice   bool   `json:"voice"`
	Adult   bool   `json:"adult"`
	Film    bool   `json:"film"`
	At      int64  `json:"at"` // unix milliseconds
}

// Notice of this bank: who collects and for how many days is part of it.
func (b *Bank) Notice() Notice {
	fill := strings.NewReplacer("{who}", b.c.Who, "{days}", strconv.Itoa(b.c.Days), "{strings}", strconv.Itoa(b.c.Strings))
	of := func(t Text) Text {
		out := Text{Title: t.Title, Voice: fill.Replace(t.Voice), Adult: t.Adult, Film: t.Film}
		for _, p := range t.Paragraphs {
			out.Paragraphs = append(out.Paragraphs, Paragraph{p.Head, fill.Replace(p.Body)})
		}
		return out
	}
	n := Notice{Zh: of(textZh), En: of(textEn)}
	words, _ := json.Marshal(n) // of strings: never fails
	sum := sha256.Sum256(words)
	n.Version = hex.EncodeToString(sum[:8])
	return n
}

// text gives one language of it.
func (n Notice) text(lang string) Text {
	if lang == "en" {
		return n.En
	}
	return n.Zh
}

var textZh = Text{
	Title: "录音单独同意书",
	Paragraphs: []Paragraph{
		{"谁在收集", "{who}"},
		{"为了什么", "只用于训练和评测一个识别朗读数字（0 到 9）的小程序。不用于确认身份，不提取声纹，不用于任何其他目的。"},
		{"收集什么", "您朗读 {strings} 组六位数字的声音；您自愿填写的几项大致情况（均可不填）；如果您另外勾选，还有朗读时每秒约 10 张面部图像。不收集姓名、电话和账号，您只有一个随机编号。认识您的人仍可能听出您的声音、认出您的脸：声音和面部图像属于敏感个人信息，泄露可能影响您的人身、财产安全。"},
		{"怎么使用", "录音经网络传到这台服务器，加密保存；导出后只在上述收集者自己的计算机上用于训练和评测，不公开，不交给他人。训练出的识别程序可能发布，其中没有录音。随机抽取四分之一的人，其录音永远只用于评测，不用于训练。"},
		{"保存多久", "{days} 天，到期自动删除。"},
		{"如何撤回", "录音时就会给您一个撤回码，结束时再次显示，请记下来。随时在本页输入撤回码，服务器上您的全部录音立即删除；已导出的副本由收集者按编号删除。此前已训练好的程序不受影响。没有撤回码，我们也无法找到您的录音。"},
		{"您的选择", "完全自愿。可以随时暂停、停止，不同意也没有任何不利后果。您可以向上述收集者查询、投诉。未满 18 周岁请不要参加。"},
	},
	Voice: "我已阅读并单独同意：为训练和评测数字识别程序，录制、通过网络传输并保存我的声音 {days} 天",
	Adult: "我已年满 18 周岁",
	Film:  "可选：我另外单独同意同时录制我的面部图像，用途和期限相同",
}

var textEn = Text{
	Title: "Separate consent to the recording of your voice",
	Paragraphs: []Paragraph{
		{"Who collects", "{who}"},
		{"What for", "Only to train and to measure a small program that recognises digits (0 to 9) read aloud. Not to identify anybody, no voiceprint is taken, nothing else is done with it."},
		{"What is collected", "Your voice reading {strings} strings of six digits; a few coarse facts that you may leave out; and, only if you tick it separately, about 10 pictures of your face a second while you read. No name, no telephone number, no account: you have a random number only. People who know you may still recognise your voice and your face. Both are sensitive personal information; a leak could harm your safety or property."},
		{"What is done", "The recordings go over the network to this server, which keeps them encrypted. Exported copies are used for training and measuring on the collector's own computers alone, never published, never given to others. The program that was trained may be published; it holds no recording. The voices of one person in four, drawn at random, are only ever measured with, never trained on."},
		{"For how long", "{days} days, then they are deleted by themselves."},
		{"How to withdraw", "You get a withdrawal code when you begin, and see it again at the end: write it down. Enter it on this page at any time, and everything of yours is deleted from the server at once; the collector deletes exported copies by your number. A program that was trained before stays as it is. Without the code we cannot find your recordings either."},
		{"Your choice", "It is entirely voluntary. You may pause or stop at any time, and saying no has no disadvantage. You may ask and complain to the collector named above. Please do not take part under the age of 18."},
	},
	Voice: "I have read this and separately consent: my voice is recorded, sent over the network and kept for {days} days, to train and to measure a recogniser of digits",
	Adult: "I am at least 18 years old",
	Film:  "Optional: I also, separately, consent to pictures of my face being recorded with it, for the same use and time",
}
