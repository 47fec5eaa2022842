package convert

import (
	"fmt"
	"strings"
)

// dlibMean is what dlib subtracts from R, G and B before it divides by 255.
var dlibMean = [3]float64{122.782, 117.001, 104.298}

// dlibBlocks lists the residual blocks in order; "down" halves the picture.
var dlibBlocks = []string{
	"conv32_1", "conv32_2", "conv32_3",
	"conv64_down", "conv64_1", "conv64_2", "conv64_3",
	"conv128_down", "conv128_1", "conv128_2",
	"conv256_down", "conv256_1", "conv256_2", "conv256_down_out",
}

// resnet writes dlib's network; x is the current tensor, of side × side × c.
type resnet struct {
	g       graph
	weights map[string]array
	used    int
	x       string
	side, c int
}

func dlibResNet(f Files) ([]byte, error) {
	var m manifest
	if err := unmarshal(f.JSON, &m); err != nil {
		return nil, err
	}
	weights, err := m.decode(f.Weights)
	if err != nil {
		return nil, err
	}
	r := &resnet{weights: weights, x: "image", side: 150, c: 3}
	r.g.name = "dlib-resnet"
	r.g.input("image", -1, 3, 150, 150)
	if err := r.stem(); err != nil {
		return nil, err
	}
	for _, block := range dlibBlocks {
		if err := r.block(block, strings.Contains(block, "down")); err != nil {
			return nil, err
		}
	}
	fc, err := r.take("fc", r.c, 128)
	if err != nil {
		return nil, err
	}
	if r.used != len(weights) {
		return nil, bad("weights", "%d of %d tensors belong to no layer", len(weights)-r.used, len(weights))
	}
	mean := r.g.node("GlobalAveragePool", "mean", []string{r.x})
	flat := r.g.node("Flatten", "flat", []string{mean}, integer("axis", 1))
	r.g.node("MatMul", "descriptor", []string{flat, r.g.floats("fc", fc.shape, fc.f)})
	r.g.output("descriptor", -1, 128)
	return r.g.marshal(), nil
}

// take gives a weight of exactly this shape.
func (r *resnet) take(name string, shape ...int) (array, error) {
	a, ok := r.weights[name]
	if !ok || a.f == nil || fmt.Sprint(a.shape) != fmt.Sprint(shape) {
		return array{}, bad("weights", "%q is missing or not of shape %v", name, shape)
	}
	r.used++
	return a, nil
}

// conv adds a convolution with its scale layer folded in: (W·x + b)·s + t =
// (W·s)·x + (b·s + t). Kernel k, stride, padding on every side.
func (r *resnet) conv(name, in string, ci, co, k, stride, pad int, normalise bool) (string, error) {
	w, err := r.take(name+"/conv/filters", k, k, ci, co)
	if err != nil {
		return "", err
	}
	var vector [3]array
	for i, part := range []string{"/conv/bias", "/scale/weights", "/scale/biases"} {
		if vector[i], err = r.take(name+part, co); err != nil {
			return "", err
		}
	}
	weights, bias := fold(w.f, vector[0].f, vector[1].f, vector[2].f, ci, normalise)
	return r.g.node("Conv", name, []string{
		in,
		r.g.floats(name+"/w", []int{co, ci, k, k}, transpose(weights, [4]int{k, k, ci, co}, [4]int{3, 2, 0, 1})),
		r.g.floats(name+"/b", []int{co}, bias),
	},
		integers("kernel_shape", int64(k), int64(k)),
		integers("strides", int64(stride), int64(stride)),
		integers("pads", int64(pad), int64(pad), int64(pad), int64(pad)),
	), nil
}

// fold folds the scale layer s·y + t, and with normalise also (x − mean)/255,
// into a convolution without padding. Every product is converted, because a
// fused multiply-add would change the bytes on some machines.
func fold(w, b, s, t []float32, ci int, normalise bool) (weights, bias []float32) {
	co := len(b)
	weights, bias = make([]float32, len(w)), make([]float32, co)
	sum := make([]float64, co) // of W·mean/255
	for i, v := range w {      // order: kernel row, column, channel in, channel out
		o := i % co
		x := float64(v)
		if normalise {
			x /= 255
			sum[o] += float64(x * dlibMean[i/co%ci])
		}
		weights[i] = float32(x * float64(s[o]))
	}
	for o := range bias {
		bias[o] = float32(float64((float64(b[o])-sum[o])*float64(s[o])) + float64(t[o]))
	}
	return weights, bias
}

// stem: 7×7 convolution with stride 2, then 3×3 maximum with stride 2, neither
// padded: 150 → 72 → 35.
func (r *resnet) stem() error {
	y, err := r.conv("conv32_down", r.x, 3, 32, 7, 2, 0, true)
	if err != nil {
		return err
	}
	y = r.g.node("Relu", "conv32_down/relu", []string{y})
	r.x = r.g.node("MaxPool", "conv32_down/pool", []string{y}, integers("kernel_shape", 3, 3), integers("strides", 2, 2))
	r.side, r.c = 35, 32
	return nil
}

// block adds a residual block. A down block runs its first convolution without
// padding and averages 2×2 on the other branch; then the branches may differ by
// one row and column, which are appended as zeros at the bottom and right of the
// convolved branch, and by channels, appended as zeros to the averaged branch.
func (r *resnet) block(name string, down bool) error {
	co, stride, pad, side := r.c, 1, 1, r.side
	if down {
		if _, err := fmt.Sscanf(name, "conv%d", &co); err != nil {
			return err
		}
		stride, pad, side = 2, 0, (r.side-3)/2+1
	}
	y, err := r.conv(name+"/conv1", r.x, r.c, co, 3, stride, pad, false)
	if err != nil {
		return err
	}
	y = r.g.node("Relu", name+"/conv1/relu", []string{y})
	if y, err = r.conv(name+"/conv2", y, co, co, 3, 1, 1, false); err != nil {
		return err
	}
	skip := r.x
	if down {
		pooled := r.side / 2
		skip = r.g.node("AveragePool", name+"/pool", []string{skip}, integers("kernel_shape", 2, 2), integers("strides", 2, 2))
		y = r.zeros(y, 0, pooled-side)
		skip = r.zeros(skip, co-r.c, 0)
		side = pooled
	}
	sum := r.g.node("Add", name+"/add", []string{y, skip})
	r.x, r.side, r.c = r.g.node("Relu", name+"/relu", []string{sum}), side, co
	return nil
}

// zeros appends channels, and rows at the bottom and columns at the right.
func (r *resnet) zeros(x string, channels, side int) string {
	if channels == 0 && side == 0 {
		return x
	}
	pads := r.g.int64s(x+"/pads", 0, 0, 0, 0, 0, int64(channels), int64(side), int64(side))
	return r.g.node("Pad", x+"/pad", []string{x, pads})
}
