package eval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"

	"faceproof"
)

// spread is how one quantity of the test camera is chosen:
//
//	lux = 300                     always this; a number, a text or a truth value
//	lux = [80, 1000]              uniform between two numbers; whole ones where the quantity is whole
//	lux = { log = [80, 1000] }    uniform in the logarithm
//	skin = { of = [4, 5] }        one of these
type spread struct {
	low, high float64
	log       bool
	of        []any // one: fixed; none: from low to high
	whole     bool
}

// spreads reads the params of a cell.
func spreads(params map[string]any) (map[string]spread, error) {
	out := map[string]spread{}
	for name, v := range params {
		kind, ok := quantities()[name]
		if !ok {
			return nil, fmt.Errorf("there is no quantity %.40q; there are %s", name, strings.Join(names(quantities()), ", "))
		}
		s, err := newSpread(v, kind)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = s
	}
	return out, nil
}

func names(m map[string]reflect.Kind) []string {
	var out []string
	for n := range m {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

func newSpread(v any, kind reflect.Kind) (spread, error) {
	s := spread{whole: kind >= reflect.Int && kind <= reflect.Uint64}
	switch v := v.(type) {
	case []any:
		return s, s.between(v, kind)
	case map[string]any:
		if log, ok := v["log"].([]any); ok && len(v) == 1 && !s.whole {
			s.log = true
			return s, s.between(log, kind)
		}
		if of, ok := v["of"].([]any); ok && len(v) == 1 && len(of) > 0 && len(of) <= 100 {
			s.of = of
		}
	default:
		s.of = []any{v}
	}
	if len(s.of) == 0 {
		return s, errors.New("want a value, [low, high], { log = [low, high] } or { of = […] }")
	}
	for i, v := range s.of {
		x, err := fits(v, kind)
		if err != nil {
			return s, err
		}
		s.of[i] = x
	}
	return s, nil
}

func (s *spread) between(v []any, kind reflect.Kind) error {
	if len(v) != 2 || kind == reflect.String || kind == reflect.Bool {
		return errors.New("a range is two numbers, of a quantity that is a number")
	}
	var ends [2]float64
	for i := range ends {
		x, err := fits(v[i], kind)
		if err != nil {
			return err
		}
		ends[i] = x.(float64)
	}
	if s.low, s.high = ends[0], ends[1]; s.low >= s.high || s.log && s.low <= 0 {
		return errors.New("the range is empty")
	}
	return nil
}

// fits gives a value as JSON has it, when the quantity can hold it.
func fits(v any, kind reflect.Kind) (any, error) {
	switch kind {
	case reflect.String:
		if s, ok := v.(string); ok && len(s) <= maxText {
			return s, nil
		}
	case reflect.Bool:
		if b, ok := v.(bool); ok {
			return b, nil
		}
	default:
		var x float64
		switch n := v.(type) {
		case int64:
			x = float64(n)
		case float64:
			x = n
		default:
			return nil, errors.New("want a number")
		}
		if math.IsNaN(x) || math.Abs(x) > 1e9 || (kind != reflect.Float64 && kind != reflect.Float32 && x != math.Trunc(x)) || (kind >= reflect.Uint && kind <= reflect.Uint64 && x < 0) {
			return nil, errors.New("the number does not fit the quantity")
		}
		return x, nil
	}
	return nil, errors.New("the value does not fit the quantity")
}

func (s spread) draw(r *rand.Rand) any {
	switch {
	case len(s.of) == 1:
		return s.of[0]
	case len(s.of) > 1:
		return s.of[r.IntN(len(s.of))]
	case s.whole:
		return s.low + float64(r.IntN(int(s.high-s.low)+1))
	case s.log:
		return math.Exp(math.Log(s.low) + r.Float64()*math.Log(s.high/s.low))
	}
	return s.low + r.Float64()*(s.high-s.low)
}

// drawAll draws every quantity, in the order of the names.
func drawAll(s map[string]spread, r *rand.Rand) map[string]any {
	out := map[string]any{}
	order := make([]string, 0, len(s))
	for name := range s {
		order = append(order, name)
	}
	slices.Sort(order)
	for _, name := range order {
		out[name] = s[name].draw(r)
	}
	return out
}

// scalars lists the fields of a struct that are one number, text or truth value,
// by their JSON names.
func scalars(t reflect.Type) map[string]reflect.Kind {
	out := map[string]reflect.Kind{}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			maps.Copy(out, scalars(f.Type))
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		k := f.Type.Kind()
		if name != "" && name != "-" && (k == reflect.Bool || k == reflect.String || k >= reflect.Int && k <= reflect.Uint64 || k == reflect.Float32 || k == reflect.Float64) {
			out[name] = k
		}
	}
	return out
}

// overlay sets fields by their JSON names; an unknown name is an error.
func overlay[T any](v T, values map[string]any) (T, error) {
	if len(values) == 0 {
		return v, nil
	}
	data, err := json.Marshal(values)
	if err != nil {
		return v, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err = d.Decode(&v)
	return v, err
}

// withPolicy changes thresholds of a policy by their JSON names.
func withPolicy(p faceproof.Policy, values map[string]any) (faceproof.Policy, error) {
	kinds := scalars(reflect.TypeFor[faceproof.Policy]())
	for name, v := range values {
		k, ok := kinds[name]
		if !ok {
			return p, fmt.Errorf("there is no threshold %.40q", name)
		}
		if _, err := fits(v, k); err != nil {
			return p, fmt.Errorf("%s: %w", name, err)
		}
	}
	return overlay(p, values)
}
