package convert

import (
	"encoding/base64"
	"slices"
	"strconv"
)

// Limits on a graph; the largest that we convert has 257 nodes.
const (
	maxNodes  = 4096
	maxInputs = 16
	maxSide   = 4096 // of a picture or a kernel
)

// tfGraph is a tfjs "graph-model": TensorFlow's GraphDef in JSON.
type tfGraph struct {
	Format   string `json:"format"`
	Topology struct {
		Nodes []*tfNode `json:"node"`
	} `json:"modelTopology"`
	Manifest manifest `json:"weightsManifest"`
}

type tfNode struct {
	Name   string            `json:"name"`
	Op     string            `json:"op"`
	Inputs []string          `json:"input"`
	Attrs  map[string]tfAttr `json:"attr"`
}

// tfAttr holds the kinds of attribute that we read; integers are strings, and
// strings are base64, as protobuf's JSON form has them.
type tfAttr struct {
	S    string `json:"s"`
	List struct {
		I []string `json:"i"`
		S []string `json:"s"`
	} `json:"list"`
	Shape struct {
		Dims []struct {
			Size string `json:"size"`
		} `json:"dim"`
	} `json:"shape"`
}

// text decodes a string attribute.
func (n *tfNode) text(key string) string { return decode64(n.Attrs[key].S) }

// texts decodes a list of strings.
func (n *tfNode) texts(key string) []string {
	var out []string
	for _, s := range n.Attrs[key].List.S {
		out = append(out, decode64(s))
	}
	return out
}

func decode64(s string) string {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return "?" // matches nothing that we support
	}
	return string(b)
}

// square reads an NHWC list attribute [1, k, k, 1]; 1 when it is absent.
func (n *tfNode) square(key string) (int, error) {
	list := n.Attrs[key].List.I
	if len(list) == 0 {
		return 1, nil
	}
	if len(list) != 4 || list[0] != "1" || list[3] != "1" || list[1] != list[2] {
		return 0, bad("json", "node %.64q: %s is %.64q", n.Name, key, list)
	}
	k, err := strconv.Atoi(list[1])
	if err != nil || k < 1 || k > maxSide {
		return 0, bad("json", "node %.64q: %s is %.64q", n.Name, key, list)
	}
	return k, nil
}

// output names an end of the graph that is kept, and its name in ONNX.
type output struct{ node, name string }

// graphModel converts the part of a graph model that outs depend on.
func graphModel(f Files, name string, outs []output) ([]byte, error) {
	var src tfGraph
	if err := unmarshal(f.JSON, &src); err != nil {
		return nil, err
	}
	if src.Format != "graph-model" {
		return nil, bad("json", "format is %.32q, not a graph model", src.Format)
	}
	weights, err := src.Manifest.decode(f.Weights)
	if err != nil {
		return nil, err
	}
	ordered, err := order(src.Topology.Nodes, outs)
	if err != nil {
		return nil, err
	}
	c := &converter{weights: weights, shapes: map[string]shape{}, names: map[string]string{}}
	c.g.name = name
	for _, n := range ordered {
		if err := c.add(n); err != nil {
			return nil, err
		}
	}
	for _, o := range outs {
		s, ok := c.shapes[o.node]
		if !ok {
			return nil, bad("json", "output %q is a constant", o.node)
		}
		c.g.node("Identity", o.name, []string{c.names[o.node]})
		c.g.output(o.name, s.dims()...)
	}
	if c.inputs != 1 {
		return nil, bad("json", "%d inputs, want one", c.inputs)
	}
	return c.g.marshal(), nil
}

// order gives the nodes that the outputs need, every node after its inputs, in
// an order that depends only on the graph: depth first, inputs from left to
// right. The recursion is on our own stack, since a hostile chain can be long.
func order(nodes []*tfNode, outs []output) ([]*tfNode, error) {
	if len(nodes) > maxNodes {
		return nil, bad("json", "%d nodes, more than %d", len(nodes), maxNodes)
	}
	byName := make(map[string]*tfNode, len(nodes))
	for _, n := range nodes {
		if n == nil || n.Name == "" || byName[n.Name] != nil {
			return nil, bad("json", "a node is null, has no name or has a name used twice")
		}
		if len(n.Inputs) > maxInputs {
			return nil, bad("json", "node %.64q has %d inputs", n.Name, len(n.Inputs))
		}
		byName[n.Name] = n
	}
	type visit struct {
		n    *tfNode
		next int // input to look at
	}
	const doing, done = 1, 2
	state := map[*tfNode]int{}
	var sorted []*tfNode
	var stack []visit
	push := func(name string) error {
		n := byName[name]
		switch {
		case n == nil:
			return bad("json", "there is no node %.64q", name)
		case state[n] == doing:
			return bad("json", "node %.64q depends on itself", name)
		case state[n] == 0:
			state[n] = doing
			stack = append(stack, visit{n: n})
		}
		return nil
	}
	for _, o := range outs {
		if err := push(o.node); err != nil {
			return nil, err
		}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if top.next < len(top.n.Inputs) {
				top.next++
				if err := push(top.n.Inputs[top.next-1]); err != nil {
					return nil, err
				}
				continue
			}
			state[top.n] = done
			sorted = append(sorted, top.n)
			stack = stack[:len(stack)-1]
		}
	}
	return slices.Clip(sorted), nil
}
