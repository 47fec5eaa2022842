package server

import (
	"context"

	"faceproof"
)

// denied records a refusal before it is answered: who, of what, and the class. A
// failure of ours is no refusal. It gives what is to be answered: err, or the
// audit log's own failure.
func (s *Server) denied(ctx context.Context, actor, object string, err error) error {
	code := faceproof.ErrorCode(err)
	if s.cfg.Denied == nil || code == faceproof.CodeInternal || code == faceproof.CodeUnavailable {
		return err
	}
	known := actor != ""
	if !known {
		actor = "anyone"
	}
	e := faceproof.AuditEntry{At: s.cfg.Now().UnixMilli(), Actor: actor, Object: object, Detail: string(code)}
	if failed := s.cfg.Denied(ctx, e, known); failed != nil {
		return failed
	}
	return err
}
