package secretdata

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Keys of a Secret with the credentials of a client of an OpenID provider.
const (
	clientIDKey     = "clientID"
	clientIDKeyToo  = "clientId"
	clientSecretKey = "clientSecret"
)

// Login returns the credentials in a Secret, without spaces behind the id and control characters behind the secret.
// missing is the key that has no value; empty = none is missing.
func Login(s *corev1.Secret) (id, secret stack.Secret, missing string) {
	data, found := s.Data[clientIDKey]
	if !found {
		data = s.Data[clientIDKeyToo]
	}
	clientID := strings.TrimRightFunc(string(data), unicode.IsSpace)
	clientSecret := strings.TrimRightFunc(string(s.Data[clientSecretKey]), unicode.IsControl)
	switch {
	case clientID == "":
		return id, secret, clientIDKey
	case clientSecret == "":
		return id, secret, clientSecretKey
	}
	// The key of the fingerprint is the Secret's UID. It is random and readable only with the Secret, so that the
	// fingerprint alone does not let a guess be verified.
	return stack.NewSecret(clientID, ""), stack.NewSecret(clientSecret, string(s.UID)), ""
}

// Unusable reports why a Secret that is named namespace/name cannot be used, by the error of its read. create is the
// remedy if it does not exist.
func Unusable(name string, err error, create string, report func(c diag.Code, text, remedy string)) {
	var unread objects.UnreadError
	switch {
	case errors.Is(err, objects.ErrAbsent):
		report(diag.SecretNotFound, "secret "+name+" does not exist", create)
	case errors.As(err, &unread):
		report(diag.SecretUnread, fmt.Sprintf("cannot read secret %s: %v", name, err),
			"nothing to do: the read is tried again")
	default:
		report(diag.SecretRefused, fmt.Sprintf("cannot read secret %s: %v", name, err),
			"grant the controller's service account get, list and watch on this Secret by a Role in its namespace")
	}
}
