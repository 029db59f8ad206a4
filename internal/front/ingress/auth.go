package ingress

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

type cognitoJSON struct {
	UserPoolARN      string            `json:"userPoolARN"`
	UserPoolClientID string            `json:"userPoolClientID"`
	UserPoolDomain   string            `json:"userPoolDomain"`
	ExtraParams      map[string]string `json:"authenticationRequestExtraParams"`
}

type oidcJSON struct {
	Issuer                string            `json:"issuer"`
	AuthorizationEndpoint string            `json:"authorizationEndpoint"`
	TokenEndpoint         string            `json:"tokenEndpoint"`
	UserInfoEndpoint      string            `json:"userInfoEndpoint"`
	SecretName            string            `json:"secretName"`
	ExtraParams           map[string]string `json:"authenticationRequestExtraParams"`
}

// maxExtraParams is the maximum number of authenticationRequestExtraParams.
const maxExtraParams = 10

// authenticated are a route's actions and the authentication in front of them on HTTPS listeners. If the authentication
// is invalid, which is reported, there are no actions: nothing is served without the authentication that is declared.
func (t *translation) authenticated(actions []intent.Action) (authentication, kept []intent.Action) {
	if len(actions) == 0 {
		return nil, nil
	}
	authentication, ok := t.authentication(actions)
	if !ok {
		return nil, nil
	}
	return authentication, actions
}

// authentication makes the authentication action in front of actions. ok is false if one is declared and invalid.
// Settings of authentication are read only if auth-type asks for it.
func (t *translation) authentication(actions []intent.Action) (authentication []intent.Action, ok bool) {
	read := t.authReader(actions)
	kind := read.String(annotation.AuthType)
	_, _, declared := read.Raw(annotation.AuthType)
	jwt, sound := t.jwt()
	if declared && !kind.Set || !sound {
		return nil, false
	}
	wanted := kind.Or(noAuth)
	t.login = t.login || wanted != noAuth
	switch {
	case wanted == noAuth && jwt == nil:
		return nil, true
	case !t.secure:
		if t.plain {
			const remedy = "add an HTTPS listener: name a certificate, or the protocol in listen-ports"
			if wanted != noAuth {
				read.Note(annotation.AuthType, diag.GuardNotApplied, "AWS authenticates users only at HTTPS listeners, and "+
					"the Ingress has none: requests are served without a login", remedy)
			}
			t.read.Note(annotation.JWTValidation, diag.GuardNotApplied, "AWS validates tokens only at HTTPS listeners, and "+
				"the Ingress has none: requests are served without a token", remedy)
		}
		return nil, true
	case wanted != noAuth && jwt != nil:
		t.read.Invalid(annotation.JWTValidation, "an Ingress cannot have both a login (auth-type) and jwt-validation",
			"remove this annotation, or set auth-type to none")
		return nil, false
	case jwt != nil:
		return []intent.Action{{Type: stack.ActionValidateJWT, JWT: jwt}}, true
	case wanted == "cognito":
		return t.cognito(read)
	}
	return t.oidc(read)
}

const noAuth = "none" // of auth-type

// fromOthers are the annotations that give others of the Ingress their effect, although the Ingress lacks them: another
// member of its group may have a front end, and a Service a login.
func (t *translation) fromOthers() []annotation.Key {
	if t.login {
		return append(t.ofGroup(), annotation.AuthType)
	}
	return t.ofGroup()
}

// ofGroup are those that another member of the group may have.
func (t *translation) ofGroup() []annotation.Key {
	if t.grouped() {
		return []annotation.Key{annotation.Frontend}
	}
	return nil
}

// authReader reads the Ingress, under the Service if the actions are a forward to one target group that a Service
// names.
func (t *translation) authReader(actions []intent.Action) annotation.Reader {
	services := t.servicesOf(actions)
	if len(services) == 1 && len(actions[0].Backends) == 1 {
		return t.read.Under(owner.Object(services[0]), services[0].Annotations)
	}
	for _, svc := range services {
		code, text := diag.IgnoredSetting, "authentication declared by a Service has no effect on a forward to several "+
			"target groups of Ingress "+t.ingress.Namespace+"/"+t.ingress.Name
		if !t.read.String(annotation.AuthType).Set && svc.Annotations[string(annotation.AuthType)] != "none" {
			code, text = diag.GuardNotApplied, text+"; nothing authenticates these requests"
		}
		annotation.NewReader(t.findings, owner.Object(svc), svc.Annotations).Note(annotation.AuthType, code, text,
			"annotate the Ingress, which applies to all of its paths")
	}
	return t.read
}

// servicesOf are the Services of a forward's target groups.
func (t *translation) servicesOf(actions []intent.Action) (out []*corev1.Service) {
	for _, a := range actions {
		for _, b := range a.Backends {
			if b.TargetGroup == nil {
				continue
			}
			if svc, err := t.service(b.TargetGroup.ServiceNamespace, b.TargetGroup.ServiceName); err == nil {
				out = append(out, svc)
			}
		}
	}
	return out
}

func (t *translation) session(read annotation.Reader) (s stack.Session, ok bool) {
	unauthenticated, timeout := read.String(annotation.AuthUnauthenticated), read.Int64(annotation.AuthSessionTimeout)
	scope := read.String(annotation.AuthScope)
	if strings.Contains(scope.Value, ",") {
		read.Ignored(annotation.AuthScope, fmt.Sprintf("%s: blanks separate scopes, and %.300q is one scope",
			annotation.AuthScope, scope.Value), "write a blank in place of each comma")
	}
	_, _, declaresAction := read.Raw(annotation.AuthUnauthenticated)
	_, _, declaresTimeout := read.Raw(annotation.AuthSessionTimeout)
	return stack.Session{
		OnUnauthenticated: unauthenticated.Or(stack.DefaultOnUnauthenticated),
		Scope:             scope.Or(stack.DefaultScope),
		Cookie:            read.String(annotation.AuthSessionCookie).Or(stack.DefaultSessionCookie),
		TimeoutSeconds:    timeout.Or(stack.DefaultSessionTimeout),
	}, declaresAction == unauthenticated.Set && declaresTimeout == timeout.Set
}

// cognito signs users in with a user pool.
func (t *translation) cognito(read annotation.Reader) (authentication []intent.Action, ok bool) {
	j, session, ok := identityProvider(t, read, annotation.AuthIDPCognito, cognitoJSON.problem)
	if !ok {
		return nil, false
	}
	session.ExtraParams = j.ExtraParams
	return []intent.Action{{Type: stack.ActionAuthenticateCognito, Cognito: &stack.AuthenticateCognito{
		UserPoolARN: j.UserPoolARN, UserPoolClientID: j.UserPoolClientID, UserPoolDomain: j.UserPoolDomain, Session: session,
	}}}, true
}

func (j cognitoJSON) problem() string {
	return cmp.Or(required("userPoolARN", j.UserPoolARN), required("userPoolClientID", j.UserPoolClientID),
		required("userPoolDomain", j.UserPoolDomain), fewParams(j.ExtraParams))
}

// oidc signs users in with an OIDC provider.
func (t *translation) oidc(read annotation.Reader) (authentication []intent.Action, ok bool) {
	j, session, ok := identityProvider(t, read, annotation.AuthIDPOIDC, oidcJSON.problem)
	if !ok {
		return nil, false
	}
	session.ExtraParams = j.ExtraParams
	a := &stack.AuthenticateOIDC{
		Issuer: j.Issuer, AuthorizationEndpoint: j.AuthorizationEndpoint, TokenEndpoint: j.TokenEndpoint,
		UserInfoEndpoint: j.UserInfoEndpoint, Session: session,
	}
	t.credentials(read, j.SecretName, a)
	return []intent.Action{{Type: stack.ActionAuthenticateOIDC, OIDC: a}}, true
}

func (j oidcJSON) problem() string {
	return cmp.Or(endpoint("issuer", j.Issuer), endpoint("authorizationEndpoint", j.AuthorizationEndpoint),
		endpoint("tokenEndpoint", j.TokenEndpoint), endpoint("userInfoEndpoint", j.UserInfoEndpoint),
		required("secretName", j.SecretName), fewParams(j.ExtraParams))
}

// identityProvider reads the settings of a provider that auth-type asks for, and those of sessions. ok is false if they
// are missing or invalid, which is reported.
func identityProvider[T any](t *translation, read annotation.Reader, k annotation.Key,
	problem func(T) string) (j *T, s stack.Session, ok bool) {
	if t.providers == nil {
		t.providers = map[annotation.Key]bool{}
	}
	t.providers[k] = true
	s, sound := t.session(read)
	j, ok = provider(read, k, problem)
	if ok && j == nil {
		read.Invalid(annotation.AuthType, "the identity provider is missing", "add annotation "+string(k))
	}
	return j, s, sound && j != nil
}

// noteProvider notes the settings of an identity provider that no path uses, because auth-type asks for the other one.
func (t *translation) noteProvider() {
	kind, _, _ := t.read.Raw(annotation.AuthType)
	other, is := map[string]annotation.Key{"cognito": annotation.AuthIDPOIDC, "oidc": annotation.AuthIDPCognito}[kind]
	if is && t.secure && !t.providers[other] {
		t.read.Ignored(other, fmt.Sprintf("annotation %s has no effect: %s is %s", other, annotation.AuthType, kind),
			"remove it, or change "+string(annotation.AuthType))
	}
}

// provider reads one JSON annotation; nil if it is absent. ok is false if it is invalid, which is reported.
func provider[T any](read annotation.Reader, k annotation.Key, problem func(T) string) (j *T, ok bool) {
	if _, _, exists := read.Raw(k); !exists {
		return nil, true
	}
	f := annotation.Unmarshal[T](read, k)
	if !f.Set {
		return nil, false
	}
	if p := problem(f.Value); p != "" {
		read.Invalid(k, p, "")
		return nil, false
	}
	return &f.Value, true
}

func required(name, value string) string {
	if value == "" {
		return "missing " + name
	}
	return ""
}

// endpoint is what is wrong with an endpoint, of which AWS requires an https URL.
func endpoint(name, value string) string {
	if value == "" {
		return "missing " + name
	}
	if u, err := url.Parse(value); err != nil || u.Scheme != "https" || u.Host == "" {
		return fmt.Sprintf("%s must be an https URL: %s", name, value)
	}
	return ""
}

func fewParams(params map[string]string) string {
	if len(params) > maxExtraParams {
		return fmt.Sprintf("%d authenticationRequestExtraParams, AWS allows %d", len(params), maxExtraParams)
	}
	return ""
}
