package convert

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/modelpack/statedict/statedicttest"
)

// fasnetTensors lists the tensors of a MiniFASNet with made-up numbers.
func fasnetTensors(widths []int, se bool) []statedicttest.Tensor {
	var out []statedicttest.Tensor
	state := uint32(2463534242)
	add := func(name string, low, high float32, shape ...int) {
		n := 1
		for _, d := range shape {
			n *= d
		}
		v := make([]float32, n)
		for i := range v {
			state ^= state << 13
			state ^= state >> 17
			state ^= state << 5
			v[i] = low + (high-low)*float32(state>>8)/(1<<24)
		}
		out = append(out, statedicttest.Tensor{Name: "module." + name, Shape: shape, Floats: v})
	}
	norm := func(name string, n int) {
		add(name+".weight", .8, 1.2, n)
		add(name+".bias", -.2, .2, n)
		add(name+".running_mean", -.2, .2, n)
		add(name+".running_var", .5, 1.5, n)
		out = append(out, statedicttest.Tensor{Name: "module." + name + ".num_batches_tracked", Shape: []int{}, Ints: []int64{9}})
	}
	conv := func(name string, in, n, k int, act bool) {
		w := 1 / float32(in*k)
		add(name+".conv.weight", -w, w, n, in, k, k)
		norm(name+".bn", n)
		if act {
			add(name+".prelu.weight", 0, .5, n)
		}
	}
	block := func(name string, in, wide, n int, se bool) {
		conv(name+".conv", in, wide, 1, true)
		conv(name+".conv_dw", 1, wide, 3, true)
		conv(name+".project", wide, n, 1, false)
		if se {
			add(name+".se_module.fc1.weight", -.1, .1, n/4, n, 1, 1)
			norm(name+".se_module.bn1", n/4)
			add(name+".se_module.fc2.weight", -.1, .1, n, n/4, 1, 1)
			norm(name+".se_module.bn2", n)
		}
	}
	conv("conv1", 3, 32, 3, true)
	conv("conv2_dw", 1, 32, 3, true)
	block("conv_23", 32, 103, 64, false)
	for i := range 4 {
		block(fmt.Sprintf("conv_3.model.%d", i), 64, widths[i], 64, se && i == 3)
	}
	block("conv_34", 64, widths[4], 128, false)
	for i := range 6 {
		block(fmt.Sprintf("conv_4.model.%d", i), 128, widths[5+i], 128, se && i == 5)
	}
	block("conv_45", 128, widths[11], 128, false)
	for i := range 2 {
		block(fmt.Sprintf("conv_5.model.%d", i), 128, widths[12+i], 128, se && i == 1)
	}
	conv("conv_6_sep", 128, 512, 1, true)
	conv("conv_6_dw", 1, 512, 5, false)
	add("linear.weight", -.1, .1, 128, 512)
	norm("bn", 128)
	add("prob.weight", -.3, .3, 3, 128)
	return out
}

// The bytes are pinned: the same on every machine, from either container.
func TestMiniFASNetDeterministic(t *testing.T) {
	for _, c := range []struct {
		widths  []int
		se      bool
		convert func([]byte) ([]byte, error)
		want    string
	}{
		{fasnetV2, false, MiniFASNetV2, "f854adbdcf275a333156f1cf16ce3b6905f176e74a41d988fd2e56d1f82145b1"},
		{fasnetV1SE, true, MiniFASNetV1SE, "088e3b758f8c4309703413afd4524e3ffaf30a706dd52eb8a7389c1792b0a94d"},
	} {
		tensors := fasnetTensors(c.widths, c.se)
		for _, asZip := range []bool{false, true} {
			net, err := c.convert(statedicttest.Write(tensors, asZip, nil))
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(net)
			if got := hex.EncodeToString(sum[:]); got != c.want {
				t.Errorf("zip %v: %d bytes, sha256 %s, want %s", asZip, len(net), got, c.want)
			}
		}
	}
}

func TestMiniFASNetRefuses(t *testing.T) {
	at := func(all []statedicttest.Tensor, name string) *statedicttest.Tensor {
		i := slices.IndexFunc(all, func(v statedicttest.Tensor) bool { return v.Name == "module."+name })
		if i < 0 {
			t.Fatalf("there is no %s", name)
		}
		return &all[i]
	}
	for name, c := range map[string]struct {
		change func(all []statedicttest.Tensor) []statedicttest.Tensor
		says   string
	}{
		"missing": {func(all []statedicttest.Tensor) []statedicttest.Tensor { return all[1:] }, "conv1.conv.weight"},
		"one more": {func(all []statedicttest.Tensor) []statedicttest.Tensor {
			return append(all, statedicttest.Tensor{Name: "fc.weight", Shape: []int{1}, Floats: []float32{1}})
		}, "belongs to no layer"},
		"other shape": {func(all []statedicttest.Tensor) []statedicttest.Tensor {
			at(all, "linear.weight").Shape = []int{512, 128}
			return all
		}, "linear.weight"},
		"integers": {func(all []statedicttest.Tensor) []statedicttest.Tensor {
			v := at(all, "prob.weight")
			v.Floats, v.Ints = nil, make([]int64, 384)
			return all
		}, "prob.weight"},
		"negative variance": {func(all []statedicttest.Tensor) []statedicttest.Tensor {
			at(all, "conv1.bn.running_var").Floats[3] = -1
			return all
		}, "negative variance"},
		"overflow": {func(all []statedicttest.Tensor) []statedicttest.Tensor {
			at(all, "conv2_dw.bn.running_var").Floats[0] = 0
			at(all, "conv2_dw.bn.weight").Floats[0] = 3e38
			return all
		}, "not finite"},
	} {
		file := statedicttest.Write(c.change(fasnetTensors(fasnetV2, false)), false, nil)
		if _, err := MiniFASNetV2(file); faceproof.ErrorCode(err) != faceproof.CodeInvalid || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := MiniFASNetV2(statedicttest.Write(fasnetTensors(fasnetV1SE, true), false, nil)); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("the other network is taken: %v", err)
	}
}

func BenchmarkMiniFASNet(b *testing.B) {
	file := statedicttest.Write(fasnetTensors(fasnetV2, false), false, nil)
	for b.Loop() {
		if _, err := MiniFASNetV2(file); err != nil {
			b.Fatal(err)
		}
	}
}
