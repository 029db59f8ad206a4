package authn

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"time"
)

// dataLife is how long the claims that a target gets with one request may be believed.
const dataLife = 2 * time.Minute

// signer signs x-amzn-oidc-data.
type signer struct {
	key *ecdsa.PrivateKey
	id  string
	pem []byte
}

func newSigner(entropy io.Reader) (*signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key of the user claims: %w", err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, fmt.Errorf("encode the key of the user claims: %w", err)
	}
	var id [16]byte
	if _, err := io.ReadFull(entropy, id[:]); err != nil {
		return nil, fmt.Errorf("name the key of the user claims: %w", err)
	}
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // a random UUID (RFC 9562 section 5.4)
	return &signer{
		key: key, id: fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:]),
		pem: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
	}, nil
}

// data is the value of x-amzn-oidc-data: a JWT in ES256 whose parts are base64 with padding, unlike RFC 7515's.
func (s *signer) data(claims json.RawMessage, balancer string, c *OIDC, now time.Time) (string, error) {
	head, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
		Signer    string `json:"signer"`
		Issuer    string `json:"iss"`
		Client    string `json:"client"`
		Expires   int64  `json:"exp"`
	}{"ES256", s.id, balancer, c.Issuer, c.ClientID, now.Add(dataLife).Unix()})
	if err != nil {
		return "", fmt.Errorf("encode the header of the user claims: %w", err)
	}
	signed := base64.URLEncoding.EncodeToString(head) + "." + base64.URLEncoding.EncodeToString(claims)
	sum := sha256.Sum256([]byte(signed))
	r, t, err := ecdsa.Sign(rand.Reader, s.key, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign the user claims: %w", err)
	}
	var signature [64]byte // RFC 7518 section 3.4
	r.FillBytes(signature[:32])
	t.FillBytes(signature[32:])
	return signed + "." + base64.URLEncoding.EncodeToString(signature[:]), nil
}

// PublicKey is the PEM of the key that signs user claims, if that is its id. AWS serves it at
// https://public-keys.auth.elb.REGION.amazonaws.com/ID.
func (a *Authenticator) PublicKey(id string) ([]byte, bool) {
	return a.signer.pem, id == a.signer.id
}
