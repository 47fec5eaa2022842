package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"faceproof"
)

// certificateFile holds the self-made certificate and its key.
const certificateFile = "tls-self-signed.pem"

// certificateLife stays under the 825 days that iOS accepts.
const certificateLife = 365 * 24 * time.Hour

// ownCertificate gives the self-made certificate of the data folder. It is made
// anew when it ends within a day or lacks an address that this machine has now.
func ownCertificate(dataDir string, now time.Time) (tls.Certificate, error) {
	path := filepath.Join(dataDir, certificateFile)
	if data, err := os.ReadFile(path); err == nil {
		if cert, err := tls.X509KeyPair(data, data); err == nil && serves(cert, now) {
			return cert, nil
		}
	}
	data, err := makeCertificate(now)
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		return tls.Certificate{}, &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "--tls-self-signed", Message: "the certificate cannot be made: " + err.Error(), Err: err}
	}
	return tls.X509KeyPair(data, data)
}

// serves says whether the certificate still fits this machine.
func serves(cert tls.Certificate, now time.Time) bool {
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil || now.Before(leaf.NotBefore) || now.Add(24*time.Hour).After(leaf.NotAfter) {
		return false
	}
	for _, ip := range lanAddresses() {
		if leaf.VerifyHostname(ip.String()) != nil {
			return false
		}
	}
	return true
}

func makeCertificate(now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Faceproof (self-signed)"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, DNSNames: []string{"localhost"},
		IPAddresses: append([]net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, lanAddresses()...),
	}
	if host, err := os.Hostname(); err == nil && host != "" && host != "localhost" {
		t.DNSNames = append(t.DNSNames, host, host+".local")
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(out, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...), nil
}

// lanAddresses are this machine's addresses that another device can reach.
func lanAddresses() []net.IP {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []net.IP
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && n.IP.To4() != nil {
			out = append(out, n.IP)
		}
	}
	return out
}
