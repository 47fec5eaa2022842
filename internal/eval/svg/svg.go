// Package svg draws the plots of reports: axes, dots, intervals and lines, the same
// bytes for the same figures.
package svg

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// Colours of the plots: Ink, a grid that stays behind, and two accents that
// differ in lightness too, for readers who do not see the hue.
const (
	Ink    = "#1f2937"
	Faint  = "#e5e7eb"
	Muted  = "#6b7280"
	Blue   = "#1d4ed8"
	Orange = "#d97706"
	Bad    = "#b91c1c"
)

// Axis maps values to pixels. At most one of Log, Asinh and Probit is set.
type Axis struct {
	Label  string
	Lo, Hi float64
	Log    bool
	Asinh  bool // linear near 0, logarithmic far from it
	Probit bool // of rates between 0 and 1: normal deviates, as in a DET plot
	Ticks  []float64
	Names  []string // instead of numbers at the ticks
	Tick   func(float64) string
	from   float64 // pixel of Lo
	to     float64 // pixel of Hi
}

func (a *Axis) scale(v float64) float64 {
	switch {
	case a.Log:
		return math.Log(v)
	case a.Asinh:
		return math.Asinh(v)
	case a.Probit:
		return -math.Sqrt2 * math.Erfcinv(2*v)
	}
	return v
}

// At gives the pixel of a value, held to the axis.
func (a *Axis) At(v float64) float64 {
	v = min(max(v, a.Lo), a.Hi)
	return a.from + (a.to-a.from)*(a.scale(v)-a.scale(a.Lo))/(a.scale(a.Hi)-a.scale(a.Lo))
}

// Panel is one set of axes in a picture.
type Panel struct {
	X, Y Axis
	b    *strings.Builder
}

// Picture is an SVG under construction. Everything in it is deterministic:
// coordinates have one decimal.
type Picture struct {
	w, h float64
	b    strings.Builder
}

// New begins a picture of w × h pixels; the note stands small under the title.
func New(w, h float64, title, note string) *Picture {
	p := &Picture{w: w, h: h}
	fmt.Fprintf(&p.b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" font-family="system-ui, -apple-system, 'Segoe UI', sans-serif" font-size="12" fill="%s">`+"\n", w, h, w, h, Ink)
	fmt.Fprintf(&p.b, "<title>%s</title>\n<rect width=\"%g\" height=\"%g\" fill=\"#ffffff\"/>\n", html.EscapeString(title), w, h)
	p.Text(16, 24, "start", 15, Ink, title)
	p.Text(16, 42, "start", 11, Muted, note)
	return p
}

// px writes a coordinate.
func px(v float64) string {
	s := strconv.FormatFloat(v, 'f', 1, 64)
	if s == "-0.0" {
		return "0.0"
	}
	return s
}

// Text writes at a pixel; anchor is start, middle or end.
func (p *Picture) Text(x, y float64, anchor string, size int, color, s string) {
	fmt.Fprintf(&p.b, `<text x="%s" y="%s" text-anchor="%s" font-size="%d" fill="%s">%s</text>`+"\n", px(x), px(y), anchor, size, color, html.EscapeString(s))
}

// Panel draws the axes in the rectangle between two corners.
func (p *Picture) Panel(left, top, right, bottom float64, x, y Axis) *Panel {
	x.from, x.to, y.from, y.to = left, right, bottom, top
	n := &Panel{X: x, Y: y, b: &p.b}
	for i, v := range y.Ticks {
		at := n.Y.At(v)
		n.Line(left, at, right, at, Faint, 1)
		p.Text(left-8, at+4, "end", 11, Muted, y.name(i))
	}
	for i, v := range x.Ticks {
		at := n.X.At(v)
		n.Line(at, bottom, at, bottom+4, Muted, 1)
		p.Text(at, bottom+18, "middle", 11, Muted, x.name(i))
	}
	n.Line(left, bottom, right, bottom, Muted, 1)
	p.Text((left+right)/2, bottom+38, "middle", 12, Ink, x.Label)
	p.Text(left, top-24, "start", 12, Ink, y.Label)
	return n
}

func (a *Axis) name(i int) string {
	switch {
	case a.Names != nil:
		return a.Names[i]
	case a.Tick != nil:
		return a.Tick(a.Ticks[i])
	}
	return strconv.FormatFloat(a.Ticks[i], 'g', 6, 64)
}

// PercentTick writes a share at a tick.
func PercentTick(v float64) string { return strconv.FormatFloat(100*v, 'g', 4, 64) + " %" }

// Line is in pixels; the others are in values.
func (n *Panel) Line(x1, y1, x2, y2 float64, color string, width float64) {
	fmt.Fprintf(n.b, `<line x1="%s" y1="%s" x2="%s" y2="%s" stroke="%s" stroke-width="%g"/>`+"\n", px(x1), px(y1), px(x2), px(y2), color, width)
}

// Dashed is a broken line with a label at its first end.
func (n *Panel) Dashed(x1, y1, x2, y2 float64, color, label string) {
	fmt.Fprintf(n.b, `<line x1="%s" y1="%s" x2="%s" y2="%s" stroke="%s" stroke-dasharray="4 3"/>`+"\n", px(n.X.At(x1)), px(n.Y.At(y1)), px(n.X.At(x2)), px(n.Y.At(y2)), color)
	if label != "" {
		fmt.Fprintf(n.b, `<text x="%s" y="%s" text-anchor="start" font-size="11" fill="%s">%s</text>`+"\n", px(n.X.At(x1)+4), px(n.Y.At(y1)-5), color, html.EscapeString(label))
	}
}

// Dot is a disc of radius r pixels.
func (n *Panel) Dot(x, y, r float64, color string, opacity float64) {
	fmt.Fprintf(n.b, `<circle cx="%s" cy="%s" r="%g" fill="%s" fill-opacity="%g"/>`+"\n", px(n.X.At(x)), px(n.Y.At(y)), r, color, opacity)
}

// Whisker is a dot with an upright interval.
func (n *Panel) Whisker(x, y, low, high float64, color string) {
	at := n.X.At(x)
	n.Line(at, n.Y.At(low), at, n.Y.At(high), color, 1.5)
	n.Line(at-4, n.Y.At(low), at+4, n.Y.At(low), color, 1.5)
	n.Line(at-4, n.Y.At(high), at+4, n.Y.At(high), color, 1.5)
	n.Dot(x, y, 4, color, 1)
}

// Path joins points.
func (n *Panel) Path(x, y []float64, color string) {
	var d strings.Builder
	for i := range x {
		c := "L"
		if i == 0 {
			c = "M"
		}
		d.WriteString(c + px(n.X.At(x[i])) + " " + px(n.Y.At(y[i])))
	}
	fmt.Fprintf(n.b, `<path d="%s" fill="none" stroke="%s" stroke-width="1.5"/>`+"\n", d.String(), color)
}

// Label writes beside a point, dx and dy pixels off.
func (n *Panel) Label(x, y, dx, dy float64, anchor, color, s string) {
	fmt.Fprintf(n.b, `<text x="%s" y="%s" text-anchor="%s" font-size="11" fill="%s">%s</text>`+"\n", px(n.X.At(x)+dx), px(n.Y.At(y)+dy), anchor, color, html.EscapeString(s))
}

// Box is an empty rectangle.
func (n *Panel) Box(x1, y1, x2, y2 float64, color string) {
	left, right, top, bottom := n.X.At(x1), n.X.At(x2), n.Y.At(y2), n.Y.At(y1)
	fmt.Fprintf(n.b, `<rect x="%s" y="%s" width="%s" height="%s" fill="none" stroke="%s"/>`+"\n", px(left), px(top), px(right-left), px(bottom-top), color)
}

// End gives the file.
func (p *Picture) End() []byte { return []byte(p.b.String() + "</svg>\n") }
