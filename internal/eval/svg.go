package eval

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// Colours of the plots: ink, a grid that stays behind, and two accents that
// differ in lightness too, for readers who do not see the hue.
const (
	ink    = "#1f2937"
	faint  = "#e5e7eb"
	mutedC = "#6b7280"
	blue   = "#1d4ed8"
	orange = "#d97706"
	bad    = "#b91c1c"
)

// axis maps values to pixels.
type axis struct {
	label  string
	lo, hi float64
	log    bool
	asinh  bool      // linear near 0, logarithmic far from it
	ticks  []float64 //
	names  []string  // instead of numbers at the ticks
	tick   func(float64) string
	from   float64 // pixel of lo
	to     float64 // pixel of hi
}

func (a *axis) scale(v float64) float64 {
	switch {
	case a.log:
		return math.Log(v)
	case a.asinh:
		return math.Asinh(v)
	}
	return v
}

// at gives the pixel of a value, held to the axis.
func (a *axis) at(v float64) float64 {
	v = min(max(v, a.lo), a.hi)
	return a.from + (a.to-a.from)*(a.scale(v)-a.scale(a.lo))/(a.scale(a.hi)-a.scale(a.lo))
}

// panel is one set of axes in a picture.
type panel struct {
	x, y axis
	b    *strings.Builder
}

// picture is an SVG under construction. Everything in it is deterministic:
// coordinates have one decimal.
type picture struct {
	w, h float64
	b    strings.Builder
}

func newPicture(w, h float64, title, note string) *picture {
	p := &picture{w: w, h: h}
	fmt.Fprintf(&p.b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" font-family="system-ui, -apple-system, 'Segoe UI', sans-serif" font-size="12" fill="%s">`+"\n", w, h, w, h, ink)
	fmt.Fprintf(&p.b, "<title>%s</title>\n<rect width=\"%g\" height=\"%g\" fill=\"#ffffff\"/>\n", html.EscapeString(title), w, h)
	p.text(16, 24, "start", 15, ink, title)
	p.text(16, 42, "start", 11, mutedC, note)
	return p
}

func px(v float64) string {
	s := strconv.FormatFloat(v, 'f', 1, 64)
	if s == "-0.0" {
		return "0.0"
	}
	return s
}

func (p *picture) text(x, y float64, anchor string, size int, color, s string) {
	fmt.Fprintf(&p.b, `<text x="%s" y="%s" text-anchor="%s" font-size="%d" fill="%s">%s</text>`+"\n", px(x), px(y), anchor, size, color, html.EscapeString(s))
}

// panel draws the axes in the rectangle between two corners.
func (p *picture) panel(left, top, right, bottom float64, x, y axis) *panel {
	x.from, x.to, y.from, y.to = left, right, bottom, top
	n := &panel{x: x, y: y, b: &p.b}
	for i, v := range y.ticks {
		at := n.y.at(v)
		n.line(left, at, right, at, faint, 1)
		p.text(left-8, at+4, "end", 11, mutedC, y.name(i))
	}
	for i, v := range x.ticks {
		at := n.x.at(v)
		n.line(at, bottom, at, bottom+4, mutedC, 1)
		p.text(at, bottom+18, "middle", 11, mutedC, x.name(i))
	}
	n.line(left, bottom, right, bottom, mutedC, 1)
	p.text((left+right)/2, bottom+38, "middle", 12, ink, x.label)
	p.text(left, top-24, "start", 12, ink, y.label)
	return n
}

func (a *axis) name(i int) string {
	switch {
	case a.names != nil:
		return a.names[i]
	case a.tick != nil:
		return a.tick(a.ticks[i])
	}
	return strconv.FormatFloat(a.ticks[i], 'g', 6, 64)
}

func percentTick(v float64) string { return strconv.FormatFloat(100*v, 'g', 4, 64) + " %" }

// line is in pixels; the others are in values.
func (n *panel) line(x1, y1, x2, y2 float64, color string, width float64) {
	fmt.Fprintf(n.b, `<line x1="%s" y1="%s" x2="%s" y2="%s" stroke="%s" stroke-width="%g"/>`+"\n", px(x1), px(y1), px(x2), px(y2), color, width)
}

func (n *panel) dashed(x1, y1, x2, y2 float64, color, label string) {
	fmt.Fprintf(n.b, `<line x1="%s" y1="%s" x2="%s" y2="%s" stroke="%s" stroke-dasharray="4 3"/>`+"\n", px(n.x.at(x1)), px(n.y.at(y1)), px(n.x.at(x2)), px(n.y.at(y2)), color)
	if label != "" {
		fmt.Fprintf(n.b, `<text x="%s" y="%s" text-anchor="start" font-size="11" fill="%s">%s</text>`+"\n", px(n.x.at(x1)+4), px(n.y.at(y1)-5), color, html.EscapeString(label))
	}
}

func (n *panel) dot(x, y, r float64, color string, opacity float64) {
	fmt.Fprintf(n.b, `<circle cx="%s" cy="%s" r="%g" fill="%s" fill-opacity="%g"/>`+"\n", px(n.x.at(x)), px(n.y.at(y)), r, color, opacity)
}

// whisker is a dot with an upright interval.
func (n *panel) whisker(x, y, low, high float64, color string) {
	at := n.x.at(x)
	n.line(at, n.y.at(low), at, n.y.at(high), color, 1.5)
	n.line(at-4, n.y.at(low), at+4, n.y.at(low), color, 1.5)
	n.line(at-4, n.y.at(high), at+4, n.y.at(high), color, 1.5)
	n.dot(x, y, 4, color, 1)
}

func (n *panel) path(x, y []float64, color string) {
	var d strings.Builder
	for i := range x {
		c := "L"
		if i == 0 {
			c = "M"
		}
		d.WriteString(c + px(n.x.at(x[i])) + " " + px(n.y.at(y[i])))
	}
	fmt.Fprintf(n.b, `<path d="%s" fill="none" stroke="%s" stroke-width="1.5"/>`+"\n", d.String(), color)
}

func (n *panel) label(x, y, dx, dy float64, anchor, color, s string) {
	fmt.Fprintf(n.b, `<text x="%s" y="%s" text-anchor="%s" font-size="11" fill="%s">%s</text>`+"\n", px(n.x.at(x)+dx), px(n.y.at(y)+dy), anchor, color, html.EscapeString(s))
}

func (p *picture) end() []byte { return []byte(p.b.String() + "</svg>\n") }
