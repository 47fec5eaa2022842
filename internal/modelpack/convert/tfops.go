package convert

import (
	"slices"
	"strconv"
)

// shape is what is known of a tensor: a picture (n, h, w, c) or, after Reshape,
// plain dimensions in TensorFlow's order. n = -1 is a free batch.
type shape struct {
	n, h, w, c int
	flat       []int // when not a picture
}

// dims gives the dimensions as the ONNX file has them.
func (s shape) dims() []int {
	if s.flat != nil {
		return s.flat
	}
	return []int{s.n, s.c, s.h, s.w}
}

// converter writes one ONNX graph from a TensorFlow graph, node by node, in
// topological order.
type converter struct {
	g       graph
	weights map[string]array
	shapes  map[string]shape  // of each non-constant node
	names   map[string]string // node → name of its tensor in ONNX
	inputs  int
}

// add converts one node. Constants are written when they are used.
func (c *converter) add(n *tfNode) error {
	arity, known := map[string]int{
		"Const": 0, "Placeholder": 0, "DepthwiseConv2dNative": 2, "AddV2": 2, "Prelu": 2, "Pad": 2,
		"Reshape": 2, "MaxPool": 1, "Relu": 1, "Sigmoid": 1, "Identity": 1, "_FusedConv2D": -1,
	}[n.Op]
	if !known {
		return bad("json", "node %.64q has operation %.32q, which no network of ours uses", n.Name, n.Op)
	}
	if arity >= 0 && len(n.Inputs) != arity {
		return bad("json", "node %.64q: %s has %d inputs, want %d", n.Name, n.Op, len(n.Inputs), arity)
	}
	switch n.Op {
	case "Const":
		if _, ok := c.weights[n.Name]; !ok {
			return bad("weights", "there is no tensor %.64q", n.Name)
		}
		return nil
	case "Placeholder":
		return c.placeholder(n)
	case "_FusedConv2D":
		return c.fusedConv(n)
	case "DepthwiseConv2dNative":
		return c.depthwise(n)
	case "MaxPool":
		return c.maxPool(n)
	case "AddV2":
		return c.addition(n)
	case "Prelu":
		in, err := c.picture(n, 0)
		if err != nil {
			return err
		}
		return c.prelu(n, c.names[n.Inputs[0]], in, n.Inputs[1])
	case "Pad":
		return c.pad(n)
	case "Reshape":
		return c.reshape(n)
	}
	s, ok := c.shapes[n.Inputs[0]] // Relu, Sigmoid, Identity
	if !ok {
		return bad("json", "node %.64q works on a constant", n.Name)
	}
	c.set(n, c.g.node(n.Op, n.Name, []string{c.names[n.Inputs[0]]}), s)
	return nil
}

func (c *converter) set(n *tfNode, tensor string, s shape) {
	c.names[n.Name], c.shapes[n.Name] = tensor, s
}

// picture gives the shape of input i of n, which must be a picture.
func (c *converter) picture(n *tfNode, i int) (shape, error) {
	s, ok := c.shapes[n.Inputs[i]]
	if !ok || s.flat != nil {
		return shape{}, bad("json", "node %.64q: input %d is not a picture", n.Name, i)
	}
	return s, nil
}

// constant takes the weight that is input i of n, with the wanted rank. A weight
// serves one node, so that what is written is bounded by what was read.
func (c *converter) constant(n *tfNode, i, rank int, float bool) (array, error) {
	a, ok := c.weights[n.Inputs[i]]
	if !ok || len(a.shape) != rank || (a.f != nil) != float {
		return array{}, bad("json", "node %.64q: input %d is not an unused constant of rank %d", n.Name, i, rank)
	}
	delete(c.weights, n.Inputs[i])
	return a, nil
}

func (c *converter) placeholder(n *tfNode) error {
	d := n.Attrs["shape"].Shape.Dims
	var v [4]int
	for i := range v {
		if len(d) != 4 {
			return bad("json", "the input has %d dimensions, want 4", len(d))
		}
		var err error
		if v[i], err = strconv.Atoi(d[i].Size); err != nil || v[i] > maxSide || (v[i] < 1 && (i > 0 || v[i] != -1)) {
			return bad("json", "the input has dimension %.16q", d[i].Size)
		}
	}
	if v[0] != -1 {
		v[0] = 1
	}
	c.inputs++
	s := shape{n: v[0], h: v[1], w: v[2], c: v[3]}
	c.g.input("image", s.dims()...)
	c.set(n, "image", s)
	return nil
}

// window gives the size of the output along one axis, and the padding before
// and after. TensorFlow's SAME puts the odd pixel at the end; symmetric padding
// would shift every feature map.
func window(n *tfNode, size, kernel, stride int) (out, before, after int, err error) {
	switch n.text("padding") {
	case "SAME":
		out = (size + stride - 1) / stride
		total := max((out-1)*stride+kernel-size, 0)
		return out, total / 2, total - total/2, nil
	case "VALID":
		if out = (size-kernel)/stride + 1; size >= kernel {
			return out, 0, 0, nil
		}
	}
	return 0, 0, 0, bad("json", "node %.64q: padding %.16q does not fit", n.Name, n.text("padding"))
}

// slide gives the output shape of a kernel of kh × kw that moves over in, and
// the ONNX attributes that say so.
func slide(n *tfNode, in shape, kh, kw, channels int) (shape, []attr, error) {
	stride, err := n.square("strides")
	if err != nil {
		return shape{}, nil, err
	}
	dilation, err := n.square("dilations")
	if err != nil {
		return shape{}, nil, err
	}
	if format := n.text("data_format"); dilation != 1 || (format != "" && format != "NHWC") {
		return shape{}, nil, bad("json", "node %.64q: dilation %d or order %.8q is not supported", n.Name, dilation, format)
	}
	out := shape{n: in.n, c: channels}
	var top, bottom, left, right int
	if out.h, top, bottom, err = window(n, in.h, kh, stride); err != nil {
		return shape{}, nil, err
	}
	if out.w, left, right, err = window(n, in.w, kw, stride); err != nil {
		return shape{}, nil, err
	}
	return out, []attr{
		integers("kernel_shape", int64(kh), int64(kw)),
		integers("strides", int64(stride), int64(stride)),
		integers("pads", int64(top), int64(left), int64(bottom), int64(right)),
	}, nil
}

// fusedConv converts a convolution with bias and, perhaps, an activation.
func (c *converter) fusedConv(n *tfNode) error {
	ops := n.texts("fused_ops")
	act := ""
	if len(ops) == 2 {
		act = ops[1]
	}
	want := 3
	if act == "Prelu" {
		want = 4
	}
	if len(ops) < 1 || len(ops) > 2 || ops[0] != "BiasAdd" || !slices.Contains([]string{"", "Relu", "Prelu"}, act) || len(n.Inputs) != want {
		return bad("json", "node %.64q: fused operations %.64q with %d inputs are not supported", n.Name, ops, len(n.Inputs))
	}
	in, err := c.picture(n, 0)
	if err != nil {
		return err
	}
	w, err := c.constant(n, 1, 4, true)
	if err != nil {
		return err
	}
	b, err := c.constant(n, 2, 1, true)
	if err != nil {
		return err
	}
	kh, kw, ci, co := w.shape[0], w.shape[1], w.shape[2], w.shape[3]
	if ci != in.c || b.shape[0] != co {
		return bad("json", "node %.64q: %d channels, kernel %v, bias %v", n.Name, in.c, w.shape, b.shape)
	}
	out, attrs, err := slide(n, in, kh, kw, co)
	if err != nil {
		return err
	}
	wName := c.g.floats(n.Name+"/w", []int{co, ci, kh, kw}, transpose(w.f, [4]int{kh, kw, ci, co}, [4]int{3, 2, 0, 1}))
	bName := c.g.floats(n.Name+"/b", []int{co}, b.f)
	y := c.g.node("Conv", n.Name+"/conv", []string{c.names[n.Inputs[0]], wName, bName}, attrs...)
	switch act {
	case "Relu":
		y = c.g.node("Relu", n.Name, []string{y})
	case "Prelu":
		return c.prelu(n, y, out, n.Inputs[3])
	}
	c.set(n, y, out)
	return nil
}

// depthwise converts a convolution of each channel by itself.
func (c *converter) depthwise(n *tfNode) error {
	in, err := c.picture(n, 0)
	if err != nil {
		return err
	}
	w, err := c.constant(n, 1, 4, true)
	if err != nil {
		return err
	}
	kh, kw, ci, m := w.shape[0], w.shape[1], w.shape[2], w.shape[3]
	if ci != in.c {
		return bad("json", "node %.64q: %d channels, kernel %v", n.Name, in.c, w.shape)
	}
	out, attrs, err := slide(n, in, kh, kw, ci*m)
	if err != nil {
		return err
	}
	// TensorFlow's output channel is c·m + k, as ONNX's group order has it.
	wName := c.g.floats(n.Name+"/w", []int{ci * m, 1, kh, kw}, transpose(w.f, [4]int{kh, kw, ci, m}, [4]int{2, 3, 0, 1}))
	attrs = append(attrs, integer("group", int64(ci)))
	c.set(n, c.g.node("Conv", n.Name, []string{c.names[n.Inputs[0]], wName}, attrs...), out)
	return nil
}

// maxPool pads with −∞, so that a padded pixel never wins; ONNX does so too.
func (c *converter) maxPool(n *tfNode) error {
	in, err := c.picture(n, 0)
	if err != nil {
		return err
	}
	k, err := n.square("ksize")
	if err != nil {
		return err
	}
	out, attrs, err := slide(n, in, k, k, in.c)
	if err != nil {
		return err
	}
	c.set(n, c.g.node("MaxPool", n.Name, []string{c.names[n.Inputs[0]]}, attrs...), out)
	return nil
}

func (c *converter) addition(n *tfNode) error {
	a, err := c.picture(n, 0)
	if err != nil {
		return err
	}
	b, err := c.picture(n, 1)
	if err != nil {
		return err
	}
	if a.h != b.h || a.w != b.w || a.c != b.c {
		return bad("json", "node %.64q adds pictures of different shapes", n.Name)
	}
	c.set(n, c.g.node("Add", n.Name, []string{c.names[n.Inputs[0]], c.names[n.Inputs[1]]}), a)
	return nil
}

// prelu applies a slope per channel to the tensor x.
func (c *converter) prelu(n *tfNode, x string, s shape, slope string) error {
	a, ok := c.weights[slope]
	if !ok || a.f == nil || !slices.Equal(a.shape, []int{1, 1, s.c}) {
		return bad("json", "node %.64q: the slope is not an unused constant of 1×1×%d", n.Name, s.c)
	}
	delete(c.weights, slope)
	name := c.g.floats(n.Name+"/slope", []int{s.c, 1, 1}, a.f)
	c.set(n, c.g.node("PRelu", n.Name, []string{x, name}), s)
	return nil
}

// pad converts constant padding with zeros, of channels in practice.
func (c *converter) pad(n *tfNode) error {
	in, err := c.picture(n, 0)
	if err != nil {
		return err
	}
	p, err := c.constant(n, 1, 2, false)
	if err != nil {
		return err
	}
	if p.shape[0] != 4 || p.shape[1] != 2 || p.i[0] != 0 || p.i[1] != 0 {
		return bad("json", "node %.64q: paddings %v", n.Name, p.i)
	}
	var before, after [4]int
	for axis := range 4 {
		before[axis], after[axis] = int(p.i[2*axis]), int(p.i[2*axis+1])
		if before[axis] < 0 || after[axis] < 0 || before[axis] > maxSide || after[axis] > maxSide {
			return bad("json", "node %.64q: paddings %v", n.Name, p.i)
		}
	}
	out := shape{n: in.n, h: in.h + before[1] + after[1], w: in.w + before[2] + after[2], c: in.c + before[3] + after[3]}
	pads := c.g.int64s(n.Name+"/pads", 0, int64(before[3]), int64(before[1]), int64(before[2]), 0, int64(after[3]), int64(after[1]), int64(after[2]))
	c.set(n, c.g.node("Pad", n.Name, []string{c.names[n.Inputs[0]], pads}), out)
	return nil
}

// reshape goes back to channel-last order first, in which the target counts.
func (c *converter) reshape(n *tfNode) error {
	in, err := c.picture(n, 0)
	if err != nil {
		return err
	}
	to, err := c.constant(n, 1, 1, false)
	if err != nil {
		return err
	}
	batch := in.n
	flat, product, dims := []int{batch}, 1, []int64{int64(batch)}
	for i, d := range to.i {
		if i == 0 {
			if int(d) != batch {
				return bad("json", "node %.64q reshapes the batch %d to %d", n.Name, batch, d)
			}
			continue
		}
		if d < 1 || int(d) > maxDim || product > maxElements {
			return bad("json", "node %.64q reshapes to %v", n.Name, to.i)
		}
		flat, dims, product = append(flat, int(d)), append(dims, int64(d)), product*int(d)
	}
	if product != in.h*in.w*in.c {
		return bad("json", "node %.64q reshapes %d×%d×%d to %v", n.Name, in.h, in.w, in.c, to.i)
	}
	y := c.g.node("Transpose", n.Name+"/nhwc", []string{c.names[n.Inputs[0]]}, integers("perm", 0, 2, 3, 1))
	c.set(n, c.g.node("Reshape", n.Name, []string{y, c.g.int64s(n.Name+"/shape", dims...)}), shape{flat: flat})
	return nil
}

// transpose reorders the axes of a rank-4 array: axis k of the result is axis
// perm[k] of v.
func transpose(v []float32, dims, perm [4]int) []float32 {
	stride := [4]int{dims[1] * dims[2] * dims[3], dims[2] * dims[3], dims[3], 1}
	out := make([]float32, 0, len(v))
	for a := range dims[perm[0]] {
		for b := range dims[perm[1]] {
			for c := range dims[perm[2]] {
				for d := range dims[perm[3]] {
					out = append(out, v[a*stride[perm[0]]+b*stride[perm[1]]+c*stride[perm[2]]+d*stride[perm[3]]])
				}
			}
		}
	}
	return out
}
