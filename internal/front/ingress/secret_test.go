package ingress

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestCredentialsLoseWhatEditorsAppend: blanks at the end of the client's id, control characters at the end of its
// secret, of which a blank may be part.
func TestCredentialsLoseWhatEditorsAppend(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                 string
		data                 map[string]string
		wantID, wantedSecret string
	}{
		{"as they are", map[string]string{"clientID": "id", "clientSecret": "secret"}, "id", "secret"},
		{"the other spelling", map[string]string{"clientId": "id", "clientSecret": "secret"}, "id", "secret"},
		{"both spellings", map[string]string{"clientID": "id", "clientId": "other", "clientSecret": "secret"},
			"id", "secret"},
		{"newlines", map[string]string{"clientID": "id\r\n", "clientSecret": "secret\r\n"}, "id", "secret"},
		{"blanks", map[string]string{"clientID": "id \t\u00a0", "clientSecret": "secret "}, "id", "secret "},
		{"inside and in front", map[string]string{"clientID": " i d", "clientSecret": "\nsec\nret"}, " i d", "\nsec\nret"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "idp"}, Data: map[string][]byte{}}
			for k, v := range c.data {
				secret.Data[k] = []byte(v)
			}
			ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
			f := &annotation.Findings{}
			tr := &translation{view: objects.FromObjects([]any{secret}), ingress: ing, findings: f,
				read: annotation.NewReader(f, Object(ing), nil)}
			var got stack.AuthenticateOIDC
			tr.credentials(tr.read, "idp", &got)
			if got.ClientID.Reveal() != c.wantID || got.ClientSecret.Reveal() != c.wantedSecret || f.List() != nil {
				t.Errorf("id %q, secret %q, want %q, %q; %v", got.ClientID.Reveal(), got.ClientSecret.Reveal(), c.wantID,
					c.wantedSecret, f.List())
			}
		})
	}
}
