package convert

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"faceproof/internal/modelpack/statedict"
)

// The widths of the two networks: of conv1 and conv2_dw, then of each block what
// it widens to (and convolves by channel) and what it narrows to. They are those
// of minivision-ai/Silent-Face-Anti-Spoofing, whose networks were pruned, "1.8M_"
// (V2) and "1.8M" (V1SE) in its words.
var (
	fasnetV2   = []int{13, 13, 13, 13, 231, 231, 52, 26, 77, 26, 26, 308, 26, 26}
	fasnetV1SE = []int{13, 26, 13, 52, 231, 154, 52, 26, 52, 26, 26, 308, 26, 26}
)

// fasnetSide is the side of the input, pixels, and fasnetEpsilon that of
// PyTorch's batch normalisation.
const (
	fasnetSide    = 80
	fasnetEpsilon = 1e-5
)

// MiniFASNetV2 converts 2.7_80x80_MiniFASNetV2.pth, the network that looks at 2.7
// times the detector's box. Input "bgr" n×3×80×80, B, G, R of 0 to 255, not scaled.
// Output "prob" n×3: 1 is live, 0 and 2 are kinds of attack. The file is a state
// dict; see internal/modelpack/statedict. Errors: CodeInvalid, field "pth".
func MiniFASNetV2(pth []byte) ([]byte, error) {
	return miniFASNet(pth, "minifasnet-v2", fasnetV2, false)
}

// MiniFASNetV1SE converts 4_0_0_80x80_MiniFASNetV1SE.pth, the network that looks
// at 4.0 times the box; else as MiniFASNetV2.
func MiniFASNetV1SE(pth []byte) ([]byte, error) {
	return miniFASNet(pth, "minifasnet-v1se", fasnetV1SE, true)
}

// fasnet writes one network; x is the current tensor, of c channels.
type fasnet struct {
	g       graph
	weights map[string]statedict.Tensor
	x       string
	c       int
}

func miniFASNet(pth []byte, name string, widths []int, se bool) ([]byte, error) {
	weights, err := statedict.Read(pth)
	if err != nil {
		return nil, err
	}
	f := &fasnet{weights: plainNames(weights), x: "bgr", c: 3}
	f.g.name = name
	f.g.input("bgr", -1, 3, fasnetSide, fasnetSide)
	if err := f.body(widths, se); err != nil {
		return nil, err
	}
	if err := f.head(); err != nil {
		return nil, err
	}
	for name := range f.weights {
		if !strings.HasSuffix(name, ".num_batches_tracked") { // of training
			return nil, bad("pth", "tensor %.64q belongs to no layer", name)
		}
	}
	return f.g.marshal(), nil
}

// plainNames drops what training on several GPUs puts before every name.
func plainNames(weights map[string]statedict.Tensor) map[string]statedict.Tensor {
	out := make(map[string]statedict.Tensor, len(weights))
	for name, t := range weights {
		out[strings.TrimPrefix(name, "module.")] = t
	}
	return out
}

// body is the part with a picture: 80 → 40 → 20 → 10 → 5 pixels a side, then one
// convolution over what is left.
func (f *fasnet) body(widths []int, se bool) error {
	if err := f.conv("conv1", f.x, 32, 3, 2, 1, false, true); err != nil {
		return err
	}
	if err := f.conv("conv2_dw", f.x, 32, 3, 1, 1, true, true); err != nil {
		return err
	}
	stages := []struct {
		down   string // halves the picture; empty: nothing before
		name   string
		blocks int
		wide   int // of the block that halves
		out    int
	}{
		{"conv_23", "conv_3", 4, 103, 64},
		{"conv_34", "conv_4", 6, widths[4], 128},
		{"conv_45", "conv_5", 2, widths[11], 128},
	}
	widths = slices.Concat(widths[:4], widths[5:11], widths[12:])
	for _, s := range stages {
		if err := f.block(s.down, s.wide, s.out, 2, false); err != nil {
			return err
		}
		for i := range s.blocks {
			in := f.x
			name := fmt.Sprintf("%s.model.%d", s.name, i)
			if err := f.block(name, widths[0], s.out, 1, se && i == s.blocks-1); err != nil {
				return err
			}
			widths = widths[1:]
			f.x = f.g.node("Add", name, []string{in, f.x})
		}
	}
	if err := f.conv("conv_6_sep", f.x, 512, 1, 1, 0, false, true); err != nil {
		return err
	}
	return f.conv("conv_6_dw", f.x, 512, 5, 1, 0, true, false)
}

// block widens, convolves by channel, and narrows; with se, it weighs the channels
// by what they hold on the whole.
func (f *fasnet) block(name string, wide, out, stride int, se bool) error {
	if err := f.conv(name+".conv", f.x, wide, 1, 1, 0, false, true); err != nil {
		return err
	}
	if err := f.conv(name+".conv_dw", f.x, wide, 3, stride, 1, true, true); err != nil {
		return err
	}
	if err := f.conv(name+".project", f.x, out, 1, 1, 0, false, false); err != nil || !se {
		return err
	}
	whole := f.x
	mean := f.g.node("GlobalAveragePool", name+".se_module.avg_pool", []string{whole})
	y, err := f.folded(name+".se_module.fc1", name+".se_module.bn1", mean, out/4, 1, 1, 0, false)
	if err != nil {
		return err
	}
	y = f.g.node("Relu", name+".se_module.relu", []string{y})
	f.c = out / 4
	if y, err = f.folded(name+".se_module.fc2", name+".se_module.bn2", y, out, 1, 1, 0, false); err != nil {
		return err
	}
	f.c = out
	y = f.g.node("Sigmoid", name+".se_module.sigmoid", []string{y})
	f.x = f.g.node("Mul", name+".se_module", []string{whole, y})
	return nil
}

// conv adds a convolution with its normalisation and, with act, a PReLU.
func (f *fasnet) conv(name, in string, out, kernel, stride, pad int, depthwise, act bool) error {
	y, err := f.folded(name+".conv", name+".bn", in, out, kernel, stride, pad, depthwise)
	if err != nil {
		return err
	}
	f.x, f.c = y, out
	if !act {
		return nil
	}
	slope, err := f.take(name+".prelu.weight", out)
	if err != nil {
		return err
	}
	f.x = f.g.node("PRelu", name+".prelu", []string{y, f.g.floats(name+".prelu.weight", []int{out, 1, 1}, slope)})
	return nil
}

// folded adds a convolution without bias, the normalisation behind it folded in.
func (f *fasnet) folded(name, norm, in string, out, kernel, stride, pad int, depthwise bool) (string, error) {
	channels, group := f.c, 1
	if depthwise {
		channels, group = 1, out
	}
	w, err := f.take(name+".weight", out, channels, kernel, kernel)
	if err != nil {
		return "", err
	}
	scale, bias, err := f.norm(norm, out)
	if err != nil {
		return "", err
	}
	weights, per := make([]float32, len(w)), len(w)/out
	for i, v := range w {
		weights[i] = float32(float64(v) * scale[i/per])
	}
	if err := finite(norm, weights, bias); err != nil {
		return "", err
	}
	k, s, p := int64(kernel), int64(stride), int64(pad)
	return f.g.node("Conv", name, []string{
		in,
		f.g.floats(name+".weight", []int{out, channels, kernel, kernel}, weights),
		f.g.floats(name+".bias", []int{out}, bias),
	}, integers("kernel_shape", k, k), integers("strides", s, s), integers("pads", p, p, p, p), integer("group", int64(group))), nil
}

// norm gives a batch normalisation as y = scale·x + bias. Products are converted:
// a fused multiply-add would change the bytes on some machines.
func (f *fasnet) norm(name string, n int) (scale []float64, bias []float32, err error) {
	var v [4][]float32
	for i, part := range []string{".weight", ".bias", ".running_mean", ".running_var"} {
		if v[i], err = f.take(name+part, n); err != nil {
			return nil, nil, err
		}
	}
	scale, bias = make([]float64, n), make([]float32, n)
	for i := range scale {
		if v[3][i] < 0 {
			return nil, nil, bad("pth", "tensor %q holds a negative variance", name+".running_var")
		}
		scale[i] = float64(v[0][i]) / math.Sqrt(float64(v[3][i])+fasnetEpsilon)
		bias[i] = float32(float64(v[1][i]) - float64(float64(v[2][i])*scale[i]))
	}
	return scale, bias, nil
}

// head is a layer of 128 with normalisation, and the three probabilities.
func (f *fasnet) head() error {
	const in, mid, out = 512, 128, 3
	w, err := f.take("linear.weight", mid, in)
	if err != nil {
		return err
	}
	scale, bias, err := f.norm("bn", mid)
	if err != nil {
		return err
	}
	p, err := f.take("prob.weight", out, mid)
	if err != nil {
		return err
	}
	linear, prob := make([]float32, in*mid), make([]float32, mid*out) // transposed, as MatMul has it
	for i, v := range w {
		linear[i%in*mid+i/in] = float32(float64(v) * scale[i/in])
	}
	for i, v := range p {
		prob[i%mid*out+i/mid] = v
	}
	if err := finite("bn", linear, bias); err != nil {
		return err
	}
	y := f.g.node("Flatten", "flatten", []string{f.x}, integer("axis", 1))
	y = f.g.node("MatMul", "linear", []string{y, f.g.floats("linear.weight", []int{in, mid}, linear)})
	y = f.g.node("Add", "bn", []string{y, f.g.floats("linear.bias", []int{mid}, bias)})
	y = f.g.node("MatMul", "logits", []string{y, f.g.floats("prob.weight", []int{mid, out}, prob)})
	f.g.node("Softmax", "prob", []string{y}, integer("axis", 1))
	f.g.output("prob", -1, out)
	return nil
}

// take gives the numbers of a tensor of exactly this shape, once.
func (f *fasnet) take(name string, shape ...int) ([]float32, error) {
	t, ok := f.weights[name]
	if !ok || t.Floats == nil || !slices.Equal(t.Shape, shape) {
		return nil, bad("pth", "tensor %q is missing or not of shape %v", name, shape)
	}
	delete(f.weights, name)
	return t.Floats, nil
}

// finite refuses a normalisation that made numbers infinite.
func finite(name string, all ...[]float32) error {
	for _, v := range all {
		for _, x := range v {
			if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
				return bad("pth", "normalisation %q makes a number that is not finite", name)
			}
		}
	}
	return nil
}
