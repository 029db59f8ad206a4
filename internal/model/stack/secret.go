package stack

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
)

// Hidden is printed in place of a Secret.
const Hidden = "(hidden)"

// Secret is a text that no plan, log, event or record may show: printed or encoded it is "(hidden)". The zero value
// is a secret that is not known. The text is behind a pointer, so printing a struct's unexported fields does not show
// it.
type Secret struct {
	text        *string
	fingerprint string
}

// NewSecret hides a text. Its fingerprint distinguishes texts without showing them. The fingerprint is keyed, so that a
// guess cannot be checked without the key. With an empty key there is no fingerprint.
func NewSecret(text, key string) Secret {
	s := Secret{text: &text}
	if key != "" {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(text))
		s.fingerprint = hex.EncodeToString(mac.Sum(nil)[:16])
	}
	return s
}

// Reveal returns the text, for the call that sends it; empty if it is not known.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Known reports whether there is a text.
func (s Secret) Known() bool { return s.text != nil }

// Fingerprint is 32 hexadecimal digits, or empty if the secret is not known or was made without a key.
func (s Secret) Fingerprint() string { return s.fingerprint }

// Equal reports whether two secrets hide the same text, or both none.
func (s Secret) Equal(o Secret) bool { return s.Known() == o.Known() && s.Reveal() == o.Reveal() }

// String implements fmt.Stringer.
func (s Secret) String() string {
	if !s.Known() {
		return ""
	}
	return Hidden
}

// Format implements fmt.Formatter, for the verbs that do not use String.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalJSON implements json.Marshaler.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(strconv.Quote(s.String())), nil }

// UnmarshalJSON implements json.Unmarshaler: what MarshalJSON wrote is read as a secret that is not known.
func (s *Secret) UnmarshalJSON([]byte) error {
	*s = Secret{}
	return nil
}
