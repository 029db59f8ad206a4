package iam

import (
	"bytes"
	"compress/flate"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
)

// The form of a decoded message. AWS STS API Reference, DecodeAuthorizationMessage.
type explanation struct {
	Allowed           bool             `json:"allowed"`
	ExplicitDeny      bool             `json:"explicitDeny"`
	MatchedStatements items[statement] `json:"matchedStatements"`
	Failures          items[struct{}]  `json:"failures"`
	Context           struct {
		Principal struct {
			ID   string `json:"id"`
			Name string `json:"name,omitempty"`
			ARN  string `json:"arn"`
		} `json:"principal"`
		Action     string           `json:"action"`
		Resource   string           `json:"resource"`
		Conditions items[condition] `json:"conditions"`
	} `json:"context"`
}

type items[T any] struct {
	Items []T `json:"items"`
}

type statement struct {
	StatementID string `json:"statementId"`
	Effect      string `json:"effect"`
}

type condition struct {
	Key    string       `json:"key"`
	Values items[value] `json:"values"`
}

type value struct {
	Value string `json:"value"`
}

// details are the decision in full.
func (of denial) details() []byte {
	who, d, r := of.caller, of.decision, of.request
	e := explanation{Allowed: d.Allowed, ExplicitDeny: d.Explicit}
	e.MatchedStatements.Items = []statement{}
	e.Failures.Items = []struct{}{}
	if d.Statement != nil && d.Explicit {
		e.MatchedStatements.Items = append(e.MatchedStatements.Items, statement{StatementID: d.Statement.SID, Effect: "DENY"})
	}
	e.Context.Principal.ID, e.Context.Principal.Name, e.Context.Principal.ARN = who.id, who.name, who.arn
	e.Context.Action, e.Context.Resource = r.Action, r.Resource
	e.Context.Conditions.Items = []condition{}
	for _, k := range slices.Sorted(maps.Keys(r.Context)) {
		c := condition{Key: k, Values: items[value]{Items: []value{}}}
		for _, v := range r.Context[k] {
			c.Values.Items = append(c.Values.Items, value{v})
		}
		e.Context.Conditions.Items = append(e.Context.Conditions.Items, c)
	}
	text, err := json.Marshal(e)
	if err != nil {
		panic(err) // only strings and booleans, which always marshal
	}
	return text
}

// sealer encrypts the messages of an account, so that only DecodeAuthorizationMessage, which needs a permission, reads
// them.
func sealer(accountID string) (cipher.AEAD, []byte) {
	key := sha256.Sum256([]byte("authorization messages of " + accountID))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // the key has a length that AES takes
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has the block size that GCM takes
	}
	return aead, key[:]
}

// encode makes an opaque text of the message: the same each time, so that runs can be compared.
func encode(accountID string, message []byte) string {
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err == nil {
		_, err = w.Write(message)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // the level is valid and memory does not fail
	}
	aead, key := sealer(accountID)
	mac := hmac.New(sha256.New, key)
	mac.Write(message)
	nonce := mac.Sum(nil)[:aead.NonceSize()]
	return base64.RawURLEncoding.EncodeToString(aead.Seal(nonce, nonce, packed.Bytes(), nil))
}

// maxMessage is the longest message that is unpacked, in bytes.
const maxMessage = 1 << 20

// Decode reads the encoded part of a denial by the account; it is JSON. It fails for everything else.
func Decode(accountID, encoded string) (string, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return "", err
	}
	aead, _ := sealer(accountID)
	if len(sealed) < aead.NonceSize() {
		return "", errors.New("the message is too short")
	}
	packed, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], nil)
	if err != nil {
		return "", err
	}
	r := flate.NewReader(bytes.NewReader(packed))
	message, err := io.ReadAll(io.LimitReader(r, maxMessage))
	return string(message), errors.Join(err, r.Close())
}
