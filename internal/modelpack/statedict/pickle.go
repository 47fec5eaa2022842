package statedict

import (
	"bytes"
	"encoding/binary"
)

// What a pickle puts on its stack, beside string, int64, bool and nil.
type (
	mark    struct{}
	integer []byte // LONG1, little-endian two's complement
	tuple   []any
	list    struct{ items []any }
	dict    struct{ keys, values []any }
	global  string // "module name", one of globals
)

// globals are the names that a state dict of a module holds. They are known as
// words; nothing of that name is run, or exists here.
var globals = map[global]bool{
	ordered: true, rebuild: true, "torch FloatStorage": true, "torch LongStorage": true,
}

const (
	ordered global = "collections OrderedDict"
	rebuild global = "torch._utils _rebuild_tensor_v2"
)

// get gives the value of a key; nil: there is none.
func (d *dict) get(key string) any {
	for i, k := range d.keys {
		if k == key {
			return d.values[i]
		}
	}
	return nil
}

// machine is the state of one pickle. Each step adds at most one thing, and
// nothing walks into what lies inside another, so that time and memory are
// bounded by the number of steps.
type machine struct {
	rest  []byte
	stack []any
	memo  map[uint32]any
}

// unpickle runs the pickle at the front of b, of protocol 2, and gives what it
// leaves and the bytes behind it.
func unpickle(b []byte) (any, []byte, error) {
	m := &machine{rest: b, memo: map[uint32]any{}}
	for step := 0; step < maxSteps; step++ {
		op, err := m.take(1)
		if err != nil {
			return nil, nil, err
		}
		if step == 0 && op[0] != 0x80 {
			return nil, nil, bad("is not a file of torch.save")
		}
		if op[0] == '.' { // STOP
			top, err := m.pop()
			if err == nil && len(m.stack) != 0 {
				err = bad("pickle: %d things are left over", len(m.stack))
			}
			return top, m.rest, err
		}
		if err := m.step(op[0]); err != nil {
			return nil, nil, err
		}
		if len(m.stack) > maxStack || len(m.memo) > maxMemo {
			return nil, nil, bad("pickle: more than %d things at once", maxStack)
		}
	}
	return nil, nil, bad("pickle: more than %d steps", maxSteps)
}

// step does one operation of the pickle.
func (m *machine) step(op byte) error {
	switch op {
	case 0x80: // PROTO
		v, err := m.take(1)
		if err == nil && v[0] != 2 {
			err = bad("pickle: protocol %d, want 2", v[0])
		}
		return err
	case '(': // MARK
		m.push(mark{})
	case 'N': // NONE
		m.push(nil)
	case 0x88, 0x89: // NEWTRUE, NEWFALSE
		m.push(op == 0x88)
	case ')': // EMPTY_TUPLE
		m.push(tuple(nil))
	case ']': // EMPTY_LIST
		m.push(&list{})
	case '}': // EMPTY_DICT
		m.push(&dict{})
	case 'K', 'M', 'J', 0x8a, 'X', 'c': // a number, a string, a name
		return m.literal(op)
	case 'q', 'r', 'h', 'j': // BINPUT, LONG_BINPUT, BINGET, LONG_BINGET
		return m.remember(op)
	case 't', 0x85, 0x86, 0x87, 'e', 'u', 'a', 's': // collect
		return m.collect(op)
	case 'R': // REDUCE
		return m.reduce()
	case 'b': // BUILD: attributes of the dict, of which none is needed
		state, err := m.pop()
		if err != nil {
			return err
		}
		_, isState := state.(*dict)
		if _, isDict := m.top().(*dict); !isDict || !isState {
			return bad("pickle: sets attributes of what is no dict")
		}
	case 'Q': // BINPERSID
		return m.persistent()
	default:
		return bad("pickle: operation 0x%02x is none that tensors need", op)
	}
	return nil
}

// literal pushes what the bytes behind the operation spell.
func (m *machine) literal(op byte) error {
	switch op {
	case 'c': // GLOBAL
		name := make([]byte, 0, 64)
		for range 2 {
			end := bytes.IndexByte(m.rest[:min(len(m.rest), maxText)], '\n')
			if end < 0 {
				return bad("pickle: ends inside a name")
			}
			if len(name) > 0 {
				name = append(name, ' ')
			}
			name, m.rest = append(name, m.rest[:end]...), m.rest[end+1:]
		}
		g := global(name)
		if !globals[g] {
			return bad("pickle: asks for %.80q, which no tensor needs", string(g))
		}
		m.push(g)
		return nil
	case 'X', 0x8a: // BINUNICODE, LONG1
		width := 4
		if op == 0x8a {
			width = 1
		}
		n, err := m.number(width)
		if err != nil {
			return err
		}
		if n > maxText {
			return bad("pickle: a string of %d bytes", n)
		}
		b, err := m.take(int(n))
		if err != nil {
			return err
		}
		if op == 'X' {
			m.push(string(b))
		} else {
			m.push(integer(b))
		}
		return nil
	}
	width := map[byte]int{'K': 1, 'M': 2, 'J': 4}[op] // BININT1, BININT2, BININT
	n, err := m.number(width)
	if op == 'J' {
		n = int64(int32(n))
	}
	m.push(n)
	return err
}

// remember keeps the top of the stack under a number, or pushes what was kept.
func (m *machine) remember(op byte) error {
	width := 1
	if op == 'r' || op == 'j' {
		width = 4
	}
	n, err := m.number(width)
	if err != nil {
		return err
	}
	if op == 'q' || op == 'r' {
		if len(m.stack) == 0 {
			return bad("pickle: remembers nothing")
		}
		m.memo[uint32(n)] = m.top()
		return nil
	}
	v, ok := m.memo[uint32(n)]
	if !ok {
		return bad("pickle: recalls what it did not keep")
	}
	m.push(v)
	return nil
}

// collect makes a tuple, or adds to a list or dict.
func (m *machine) collect(op byte) error {
	var items []any
	var err error
	switch op {
	case 't', 'e', 'u': // TUPLE, APPENDS, SETITEMS: what is above the mark
		items, err = m.toMark()
	case 'a': // APPEND
		items, err = m.last(1)
	case 's': // SETITEM
		items, err = m.last(2)
	default: // TUPLE1, TUPLE2, TUPLE3
		items, err = m.last(int(op) - 0x84)
	}
	if err != nil {
		return err
	}
	switch op {
	case 'a', 'e':
		l, ok := m.top().(*list)
		if !ok {
			return bad("pickle: appends to what is no list")
		}
		l.items = append(l.items, items...)
	case 's', 'u':
		d, ok := m.top().(*dict)
		if !ok || len(items)%2 != 0 {
			return bad("pickle: sets items of what is no dict")
		}
		for i := 0; i < len(items); i += 2 {
			d.keys, d.values = append(d.keys, items[i]), append(d.values, items[i+1])
		}
	default:
		m.push(tuple(items))
	}
	return nil
}

// reduce is a call in Python: of OrderedDict, or of what makes a tensor of a
// storage.
func (m *machine) reduce() error {
	call, err := m.last(2)
	if err != nil {
		return err
	}
	args, ok := call[1].(tuple)
	switch {
	case call[0] == ordered && ok && len(args) == 0:
		m.push(&dict{})
		return nil
	case call[0] == rebuild && ok && len(args) == 6:
		t, err := tensor(args)
		m.push(t)
		return err
	}
	return bad("pickle: makes what is neither a dict nor a tensor")
}

// tensor takes the arguments of _rebuild_tensor_v2: storage, offset, size,
// stride, and two that are not needed.
func tensor(args tuple) (*view, error) {
	s, ok := args[0].(*storage)
	size, ok1 := args[2].(tuple)
	stride, ok2 := args[3].(tuple)
	if !ok || !ok1 || !ok2 || len(size) != len(stride) || len(size) > maxRank || args[1] != int64(0) {
		return nil, bad("pickle: a tensor that does not begin with its storage, or of rank above %d", maxRank)
	}
	t := &view{of: s, shape: make([]int, len(size))}
	step := int64(1)
	for i := len(size) - 1; i >= 0; i-- {
		d, ok := size[i].(int64)
		if !ok || d < 1 || d > maxDim {
			return nil, bad("pickle: dimension %v of a tensor", size[i])
		}
		if d > 1 && stride[i] != step {
			return nil, bad("pickle: a tensor that is not in order")
		}
		t.shape[i] = int(d)
		if step *= d; step > maxFile {
			return nil, bad("pickle: a tensor that is too large")
		}
	}
	return t, nil
}

// persistent names a storage: ("storage", kind, key, where it was, numbers), and
// in the older container a view, which must be none.
func (m *machine) persistent() error {
	top, err := m.pop()
	if err != nil {
		return err
	}
	id, _ := top.(tuple)
	if (len(id) != 5 && (len(id) != 6 || id[5] != nil)) || id[0] != "storage" {
		return bad("pickle: refers to what is no storage")
	}
	kind, ok := id[1].(global)
	key, ok1 := id[2].(string)
	n, ok2 := id[4].(int64)
	if _, known := sizes[string(kind)]; !ok || !known || !ok1 || !ok2 || key == "" || n < 1 || n > maxFile {
		return bad("pickle: refers to a storage of an unknown kind or size")
	}
	m.push(&storage{kind: string(kind), key: key, n: n})
	return nil
}

func (m *machine) push(v any) { m.stack = append(m.stack, v) }

// top is the top of the stack; a mark when there is none.
func (m *machine) top() any {
	if len(m.stack) == 0 {
		return mark{}
	}
	return m.stack[len(m.stack)-1]
}

func (m *machine) pop() (any, error) {
	v, err := m.last(1)
	if err != nil {
		return nil, err
	}
	return v[0], nil
}

// last pops n things, none of which may be a mark.
func (m *machine) last(n int) ([]any, error) {
	at := len(m.stack) - n
	if at < 0 {
		return nil, bad("pickle: takes more than there is")
	}
	for _, v := range m.stack[at:] {
		if _, is := v.(mark); is {
			return nil, bad("pickle: takes more than there is")
		}
	}
	return m.cut(at), nil
}

// toMark pops what is above the last mark, and the mark.
func (m *machine) toMark() ([]any, error) {
	for at := len(m.stack) - 1; at >= 0; at-- {
		if _, is := m.stack[at].(mark); is {
			items := m.cut(at + 1)
			m.stack = m.stack[:at]
			return items, nil
		}
	}
	return nil, bad("pickle: takes more than there is")
}

func (m *machine) cut(at int) []any {
	items := append([]any(nil), m.stack[at:]...)
	m.stack = m.stack[:at]
	return items
}

// take gives the next n bytes.
func (m *machine) take(n int) ([]byte, error) {
	if n > len(m.rest) {
		return nil, bad("pickle: ends too early")
	}
	b := m.rest[:n:n]
	m.rest = m.rest[n:]
	return b, nil
}

// number reads a little-endian number of 1, 2 or 4 bytes.
func (m *machine) number(width int) (int64, error) {
	b, err := m.take(width)
	if err != nil {
		return 0, err
	}
	var w [4]byte
	copy(w[:], b)
	return int64(binary.LittleEndian.Uint32(w[:])), nil
}
