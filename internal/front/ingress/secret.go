package ingress

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Keys of the Secret.
const (
	clientIDKey     = "clientID"
	clientIDKeyToo  = "clientId"
	clientSecretKey = "clientSecret"
)

// withheld is what becomes of rules whose Secret cannot be read.
const withheld = "; rules that stand keep their login, new ones answer 503"

// credentials fills in what the Secret holds, which is in the Ingress's namespace also where a Service names it. Without it
// the action stays withheld, and that is reported.
func (t *translation) credentials(read annotation.Reader, name string, a *stack.AuthenticateOIDC) {
	full := t.ingress.Namespace + "/" + name
	a.SecretName = full
	_, source, _ := read.Raw(annotation.AuthIDPOIDC)
	report := func(c diag.Code, text, remedy string) {
		if source.Object != Object(t.ingress) {
			text += ", which " + source.Object.String() + " names"
		}
		t.findings.Add(diag.New(Object(t.ingress), source.Path, c, text+withheld, remedy))
	}
	secret, ok := t.secret(name, secretUse{field: "secretName", create: "create it with keys clientID and clientSecret, or correct secretName"}, report)
	if !ok {
		return
	}
	id, found := secret.Data[clientIDKey]
	if !found {
		id = secret.Data[clientIDKeyToo]
	}
	clientID := strings.TrimRightFunc(string(id), unicode.IsSpace)
	clientSecret := strings.TrimRightFunc(string(secret.Data[clientSecretKey]), unicode.IsControl)
	switch {
	case clientID == "":
		report(diag.InvalidSecret, "missing clientID, secret: "+full, "add key clientID to the Secret")
		return
	case clientSecret == "":
		report(diag.InvalidSecret, "missing clientSecret, secret: "+full, "add key clientSecret to the Secret")
		return
	}
	a.ClientID = stack.NewSecret(clientID, "")
	// The Secret's UID is known to those who may read the Secret, and random: nobody else can check guesses.
	a.ClientSecret = stack.NewSecret(clientSecret, string(secret.UID))
	last, recorded := t.written()[name]
	a.SecretChanged = recorded && a.ClientSecret.Fingerprint() != "" && last != a.ClientSecret.Fingerprint()
}

// secretUse is where a Secret is named, and what to do if there is none.
type secretUse struct{ field, create string }

// secret reads a Secret of the Ingress's namespace. ok is false if it cannot be used, which is reported. A name that no Secret can have
// is not asked for: the API server's client refuses the question.
func (t *translation) secret(name string, use secretUse, report func(c diag.Code, text, remedy string)) (s *corev1.Secret, ok bool) {
	namespace := t.ingress.Namespace
	full := namespace + "/" + name
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		report(diag.InvalidSecret, fmt.Sprintf("%s %q is not the name of a Secret: %s", use.field, name, problems[0]),
			"write the name alone; the Secret is looked for in namespace "+namespace+", and no other one can be named")
		return nil, false
	}
	s, err := objects.Get[*corev1.Secret](t.view, t.from(), objects.Ref{Kind: objects.Secret, Name: name})
	var unread objects.UnreadError
	switch {
	case err == nil:
	case errors.Is(err, objects.ErrAbsent):
		report(diag.SecretNotFound, "secret "+full+" does not exist", use.create)
		return nil, false
	case errors.As(err, &unread):
		report(diag.SecretUnread, fmt.Sprintf("cannot read secret %s: %v", full, err), "nothing to do: it is read again")
		return nil, false
	default:
		report(diag.SecretRefused, fmt.Sprintf("cannot read secret %s: %v", full, err),
			"let the controller's service account get, list and watch this Secret, by a Role in its namespace")
		return nil, false
	}
	if k, v, set := strings.Cut(t.config.RequiredSecretsLabel, "="); set && s.Labels[k] != v {
		report(diag.SecretRefused, fmt.Sprintf("secret %s is missing required label %s=%s; actual labels: %s", full, k, v, labelText(s)), "add the label to the Secret")
		return nil, false
	}
	return s, true
}

// written are the fingerprints of the client secrets that AWS was given last, by the Secret's name. What cannot be read there
// was not written by us, and says nothing.
func (t *translation) written() map[string]string {
	return annotation.NewReader(&annotation.Findings{}, Object(t.ingress), t.ingress.Annotations).Map(annotation.WrittenSecrets).Value
}

func labelText(s *corev1.Secret) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(s.Labels)) {
		out = append(out, k+"="+s.Labels[k])
	}
	return "[" + strings.Join(out, " ") + "]"
}
