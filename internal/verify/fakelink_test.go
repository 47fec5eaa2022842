package verify

import (
	"context"

	"faceproof"
)

func (m *memStore) RotateToken(_ context.Context, id string, hash, by []byte, at int64) error {
	return m.tx("RotateToken", nil, func() error {
		v, ok := m.v[id]
		if !ok {
			return absent()
		}
		if v.State != faceproof.StateCreated {
			return inState(v.State)
		}
		if first, opened := m.opened[id]; opened && first != string(by) {
			return inState(v.State)
		}
		if len(by) > 0 {
			m.opened[id] = string(by)
		}
		v.TokenHash = hash
		m.v[id] = v
		return nil
	})
}
