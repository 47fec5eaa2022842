package keys

// AuditSeed is the secret from which the signing key of the audit log is made:
// IndexSize bytes, the same for the same key file, outside the database.
func (r *Ring) AuditSeed() []byte { return r.Index("audit.checkpoint.ed25519", nil) }
