package authn

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"
	"io"
)

// sealer encrypts what clients carry for the load balancer, so that they can neither read nor make it.
type sealer struct {
	aead    cipher.AEAD
	entropy io.Reader
}

func newSealer(entropy io.Reader) (*sealer, error) {
	var key [32]byte
	if _, err := io.ReadFull(entropy, key[:]); err != nil {
		return nil, fmt.Errorf("make the key of the session cookies: %w", err)
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("make the cipher of the session cookies: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make the cipher of the session cookies: %w", err)
	}
	return &sealer{aead, entropy}, nil
}

// seal makes a value that is fit for cookies and URLs and opens for the same use only.
func (s *sealer) seal(use string, plain []byte) (string, error) {
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	if _, err := io.ReadFull(s.entropy, nonce); err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, plain, []byte(use))), nil
}

// open gives back what was sealed for the use.
func (s *sealer) open(use, value string) ([]byte, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(value)
	n := s.aead.NonceSize()
	if err != nil || len(raw) < n {
		return nil, false
	}
	plain, err := s.aead.Open(nil, raw[:n], raw[n:], []byte(use))
	return plain, err == nil
}
