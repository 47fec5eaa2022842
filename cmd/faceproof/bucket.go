package main

import (
	"net/http"
	"os"
	"strings"

	"faceproof"
	"faceproof/internal/audit/bucket"
	"faceproof/internal/egress"
)

// credentialsFile names the file that opens an object store, in the environment.
const credentialsFile = "FACEPROOF_S3_CREDENTIALS_FILE"

// openBucket makes an anchor of an object store: reached through the guard of what
// leaves this machine, opened by a file or by the environment, never by a flag.
func openBucket(address string, e edgeFlags, base *http.Transport) (*bucket.Bucket, error) {
	allow, err := e.prefixes()
	if err != nil {
		return nil, err
	}
	b, err := bucket.New(bucket.Config{Address: address, Credentials: storeCredentials, Transport: egress.New(egress.Config{Allow: allow, Transport: base}).Transport})
	if err != nil {
		return nil, err
	}
	_, err = storeCredentials()
	return b, err
}

// storeCredentials reads the file of FACEPROOF_S3_CREDENTIALS_FILE, in the form of
// AWS without profiles, or the variables of AWS. Errors: CodeInvalid when there are
// none, CodeForbidden for a file that everybody may read.
func storeCredentials() (bucket.Credentials, error) {
	get := os.Getenv
	if path := os.Getenv(credentialsFile); path != "" {
		data, err := readBounded(path, 4<<10)
		if err != nil {
			return bucket.Credentials{}, err
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o007 != 0 {
			return bucket.Credentials{}, faceproof.Errorf(faceproof.CodeForbidden, credentialsFile, "everybody on this machine may read that file; chmod 600")
		}
		in := map[string]string{}
		for line := range strings.Lines(string(data)) {
			key, value, _ := strings.Cut(line, "=")
			in[strings.ToUpper(strings.TrimSpace(key))] = strings.TrimSpace(value)
		}
		get = func(key string) string { return in[key] }
	}
	c := bucket.Credentials{ID: faceproof.NewToken(get("AWS_ACCESS_KEY_ID")), Secret: faceproof.NewToken(get("AWS_SECRET_ACCESS_KEY")), Session: faceproof.NewToken(get("AWS_SESSION_TOKEN"))}
	if c.ID.Reveal() == "" || c.Secret.Reveal() == "" {
		return bucket.Credentials{}, faceproof.Errorf(faceproof.CodeInvalid, credentialsFile, "must name a file with aws_access_key_id and aws_secret_access_key, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	return c, nil
}
