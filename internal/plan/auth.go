package plan

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// secretChanged is why a login is written that otherwise is as wanted.
const secretChanged = "the client secret changed"

// guard writes an action that stands in front of another one. The client secret, which AWS never tells, is not part of it.
func (w *writer) guard(a stack.Action) {
	switch {
	case a.OIDC != nil:
		w.provider(a.OIDC)
		w.text(a.OIDC.ClientID.Reveal())
	case a.Cognito != nil:
		c := a.Cognito
		w.text(c.UserPoolARN)
		w.text(c.UserPoolClientID)
		w.text(c.UserPoolDomain)
		w.session(c.Session)
	case a.JWT != nil:
		w.text(a.JWT.JWKSEndpoint)
		w.text(a.JWT.Issuer)
		for _, c := range a.JWT.Claims {
			w.text(c.Format)
			w.text(c.Name)
			w.list('v', c.Values)
		}
	}
}

// provider writes all of an OIDC action but the client's credentials.
func (w *writer) provider(o *stack.AuthenticateOIDC) {
	for _, s := range []string{o.Issuer, o.AuthorizationEndpoint, o.TokenEndpoint, o.UserInfoEndpoint} {
		w.text(s)
	}
	w.session(o.Session)
}

func (w *writer) session(s stack.Session) {
	w.text(or(s.OnUnauthenticated, stack.DefaultOnUnauthenticated))
	w.text(or(s.Scope, stack.DefaultScope))
	w.text(or(s.Cookie, stack.DefaultSessionCookie))
	w.text(strconv.FormatInt(cmp.Or(s.TimeoutSeconds, stack.DefaultSessionTimeout), 10))
	for _, k := range slices.Sorted(maps.Keys(s.ExtraParams)) {
		w.text(k)
		w.text(s.ExtraParams[k])
	}
}

// isGuarded reports whether a login or a check of tokens stands in front.
func isGuarded(as []stack.Action) bool {
	return slices.ContainsFunc(as, func(a stack.Action) bool { return a.OIDC != nil || a.Cognito != nil || a.JWT != nil })
}

func oidcOf(as []stack.Action) *stack.AuthenticateOIDC {
	for _, a := range as {
		if a.OIDC != nil {
			return a.OIDC
		}
	}
	return nil
}

// staleSecret reports whether AWS holds another client secret than wanted. An observation knows it as long as this process
// wrote it; else the record of what was written last decides.
func staleSecret(want, have []stack.Action) bool {
	w, h := oidcOf(want), oidcOf(have)
	switch {
	case w == nil || h == nil || !w.ClientSecret.Known():
		return false
	case h.ClientSecret.Known():
		return !w.ClientSecret.Equal(h.ClientSecret)
	}
	return w.SecretChanged
}

// settled replaces a login whose credentials are withheld by what AWS holds in its place, if that is the same login. Nothing else
// may be served there: a login cannot be made without credentials, and what is behind it must not be served without.
func settled(want, have []stack.Action) []stack.Action {
	w, h := oidcOf(want), oidcOf(have)
	if w == nil || !w.Withheld() {
		return want
	}
	if h == nil || providerText(w) != providerText(h) {
		return stack.Unavailable()
	}
	out := slices.Clone(want)
	for i := range out {
		if out[i].OIDC == w {
			kept := *w
			kept.ClientID, kept.ClientSecret = h.ClientID, h.ClientSecret
			out[i].OIDC = &kept
		}
	}
	return out
}

func providerText(o *stack.AuthenticateOIDC) string {
	var w writer
	w.provider(o)
	return w.String()
}

// settleRules settles the actions of wanted rules by those of existing rules that are the same in all else: a rule cannot be made
// anew without credentials.
func (d *differ) settleRules(want []stack.Rule, have []*Rule) {
	for i := range want {
		w := &want[i]
		if o := oidcOf(w.Actions); o == nil || !o.Withheld() {
			continue
		}
		rest := conditionsText(w.Conditions) + "|" + transformsText(w.Transforms)
		kept := stack.Unavailable()
		for _, r := range have {
			if conditionsText(r.Conditions)+"|"+transformsText(r.Transforms) != rest {
				continue
			}
			if as := settled(w.Actions, r.Actions); oidcOf(as) != nil && sameActions(as, r.Actions, d.resolve) {
				kept = as
				break
			}
		}
		if w.Actions = kept; oidcOf(kept) == nil {
			w.Transforms = nil
		}
	}
}
