package ingress

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/front/secretdata"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// withheld is the consequence for rules whose Secret cannot be read.
const withheld = "; existing rules keep their login, new ones answer 503"

// credentials fills in the client id and secret from the Secret, which is in the Ingress's namespace even if a Service
// names it. Without the Secret, which is reported, the action has no credentials.
func (t *translation) credentials(read annotation.Reader, name string, a *stack.AuthenticateOIDC) {
	full := t.ingress.Namespace + "/" + name
	a.SecretName = full
	_, source, _ := read.Raw(annotation.AuthIDPOIDC)
	report := func(c diag.Code, text, remedy string) {
		if source.Object() != Object(t.ingress) {
			text += ", which " + source.Object().String() + " names"
		}
		t.findings.Add(diag.New(Object(t.ingress), source.Path(), c, text+withheld, remedy))
	}
	secret, ok := t.secret(name, secretUse{field: "secretName", create: "create the Secret with keys clientID and " +
		"clientSecret, or correct secretName"}, report)
	if !ok {
		return
	}
	c, missing := credentialsIn(secret, t.ingress)
	if missing != "" {
		report(diag.InvalidSecret, "missing "+missing+", secret: "+full, "add key "+missing+" to the Secret")
		return
	}
	a.ClientID, a.ClientSecret, a.SecretChanged = c.ID, c.Secret, c.Changed
}

// credentialsIn are the credentials in a Secret of an Ingress. missing is the key that has no value; empty = none is
// missing.
func credentialsIn(s *corev1.Secret, ing *networkingv1.Ingress) (c intent.Credentials, missing string) {
	c.ID, c.Secret, missing = secretdata.Login(s)
	last, recorded := written(ing)[s.Name]
	c.Changed = recorded && c.Secret.Fingerprint() != "" && last != c.Secret.Fingerprint()
	return c, missing
}

// Credentials returns a function that returns the credentials in a Secret for a member of a group. ok is false if they
// cannot be used.
func Credentials(cfg Config, g Group) func(of diag.Object, s *corev1.Secret) (c intent.Credentials, ok bool) {
	members := map[diag.Object]*networkingv1.Ingress{}
	for _, i := range slices.Concat(g.Active, g.Former) {
		members[Object(i)] = i
	}
	return func(of diag.Object, s *corev1.Secret) (c intent.Credentials, ok bool) {
		if members[of] == nil || cfg.lacksLabel(s) {
			return c, false
		}
		c, missing := credentialsIn(s, members[of])
		return c, missing == ""
	}
}

// lacksLabel reports whether a Secret lacks the label that all Secrets must have.
func (cfg Config) lacksLabel(s *corev1.Secret) bool {
	k, v, set := strings.Cut(cfg.RequiredSecretsLabel, "=")
	return set && s.Labels[k] != v
}

// secretUse is the field that names a Secret, and the remedy if the Secret does not exist.
type secretUse struct{ field, create string }

// secret returns a Secret of the Ingress's namespace. ok is false if it cannot be used, which is reported. An invalid
// name is not read, since the API server's client refuses it.
func (t *translation) secret(name string, use secretUse, report func(c diag.Code, text, remedy string)) (
	s *corev1.Secret, ok bool) {
	namespace := t.ingress.Namespace
	full := namespace + "/" + name
	if problem := annotation.SecretNameProblem(name); problem != "" {
		report(diag.InvalidSecret, use.field+" "+problem,
			"write the name only; the Secret must be in namespace "+namespace)
		return nil, false
	}
	s, err := objects.Get[*corev1.Secret](t.view, t.from(), objects.Ref{Kind: objects.Secret, Name: name})
	if err != nil {
		secretdata.Unusable(full, err, use.create, report)
		return nil, false
	}
	if t.config.lacksLabel(s) {
		report(diag.SecretRefused, fmt.Sprintf("secret %s is missing required label %s; actual labels: %s", full,
			t.config.RequiredSecretsLabel, labelText(s)), "add the label to the Secret")
		return nil, false
	}
	return s, true
}

// written are the fingerprints of the client secrets that were last sent to AWS, by the Secret's name. A malformed
// value, which the controller cannot have written, is ignored.
func written(ing *networkingv1.Ingress) map[string]string {
	return annotation.NewReader(&annotation.Findings{}, Object(ing), ing.Annotations).Map(annotation.WrittenSecrets).Value
}

func labelText(s *corev1.Secret) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(s.Labels)) {
		out = append(out, k+"="+s.Labels[k])
	}
	return "[" + strings.Join(out, " ") + "]"
}
