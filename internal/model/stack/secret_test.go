package stack_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestASecretIsHiddenHoweverItIsPrinted(t *testing.T) {
	t.Parallel()
	const text = "s3cret"
	action := stack.Action{Type: stack.ActionAuthenticateOIDC, OIDC: &stack.AuthenticateOIDC{
		Issuer: "https://idp.example.com", ClientID: stack.NewSecret(text, ""), ClientSecret: stack.NewSecret(text, "key"),
		SecretName: "shop/idp",
	}}
	inside := struct{ secret stack.Secret }{action.OIDC.ClientSecret}
	rule := stack.Rule{ID: "443:1", Actions: []stack.Action{action}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%p"} {
		for _, v := range []any{action.OIDC.ClientSecret, &action.OIDC.ClientSecret, action.OIDC, *action.OIDC, action, rule,
			[]stack.Rule{rule}, inside} {
			if shown := fmt.Sprintf(verb, v); strings.Contains(shown, text) || strings.Contains(shown, fmt.Sprintf("%x", text)) {
				t.Errorf("%s of %T shows it: %s", verb, v, shown)
			}
		}
	}
	encoded, err := json.Marshal(rule)
	if err != nil || strings.Contains(string(encoded), text) || !strings.Contains(string(encoded),
		`"ClientSecret":"(hidden)"`) {
		t.Errorf("%v: %s", err, encoded)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("rule", "rule", rule)
	slog.New(slog.NewTextHandler(&log, nil)).Info("rule", "rule", rule, "secret", action.OIDC.ClientSecret)
	if strings.Contains(log.String(), text) {
		t.Error(log.String())
	}
	if got := action.OIDC.ClientSecret.Reveal(); got != text {
		t.Errorf("revealed %q", got)
	}
}

func TestAFingerprintDistinguishesTextsForHoldersOfTheKey(t *testing.T) {
	t.Parallel()
	a := stack.NewSecret("a", "key")
	for name, c := range map[string]struct {
		other stack.Secret
		same  bool
	}{
		"the same":    {stack.NewSecret("a", "key"), true},
		"another":     {stack.NewSecret("b", "key"), false},
		"another key": {stack.NewSecret("a", "other"), false},
		"no key":      {stack.NewSecret("a", ""), false},
		"unknown":     {stack.Secret{}, false},
	} {
		if got := a.Fingerprint() == c.other.Fingerprint(); got != c.same {
			t.Errorf("%s: %t", name, got)
		}
	}
	if len(a.Fingerprint()) != 32 || stack.NewSecret("a", "").Fingerprint() != "" || (stack.Secret{}).Known() ||
		(stack.Secret{}).Reveal() != "" {
		t.Error(a.Fingerprint())
	}
	if !a.Equal(stack.NewSecret("a", "other")) || a.Equal(stack.NewSecret("b", "key")) || a.Equal(stack.Secret{}) ||
		!(stack.Secret{}).Equal(stack.Secret{}) {
		t.Error("secrets are equal if their texts are")
	}
}
