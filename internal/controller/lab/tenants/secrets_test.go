package tenants

import (
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestSecretsAreInNoEvent has AWS quote what it refuses: the key of a certificate, the credentials of a login. Whoever
// may read events or Ingresses must not learn them.
func TestSecretsAreInNoEvent(t *testing.T) {
	t.Parallel()
	const id, clientSecret = "id-of-the-client", "secret-of-the-client"
	key := strings.Split(string(lab.TLSPairs()[0][corev1.TLSPrivateKeyKey]), "\n")[1]
	for action, quoted := range map[string]string{"ImportCertificate": key, "CreateRule": id + "' or '" + clientSecret} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("s0"))
			l.Checkpointed = true
			l.OwnCertificates()
			_, err := l.Core.CoreV1().Secrets("shop").Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
				Namespace: "shop", Name: "login", UID: "uid-login", ResourceVersion: "1"}, Data: map[string][]byte{
				"clientID": []byte(id), "clientSecret": []byte(clientSecret)}}, metav1.CreateOptions{})
			l.Must(err)
			_, err = l.Sim.Gate.AddFault(gate.Fault{ID: "quotes", Action: action, Code: "ValidationError",
				Message: "1 validation error detected: Value '" + quoted + "' failed to satisfy constraint"})
			l.Must(err)
			web := lab.Sealed("web", "tls")
			for k, v := range map[string]string{"auth-type": "oidc",
				"auth-idp-oidc": `{"issuer":"https://a.example","authorizationEndpoint":"https://a.example/a",` +
					`"tokenEndpoint":"https://a.example/t","userInfoEndpoint":"https://a.example/u","secretName":"login"}`} {
				web.Annotations["alb.ingress.kubernetes.io/"+k] = v
			}
			l.Create(web)
			for range 4 {
				_, _ = l.Round(lab.Key("web"))
			}
			l.End()
			all := strings.Join(l.Events, "\n")
			if !strings.Contains(all, "Value '(hidden)") {
				t.Errorf("no event has what AWS refuses:\n%s", all)
			}
			ingresses, maps := &networkingv1.IngressList{}, &corev1.ConfigMapList{}
			l.Must(l.Client.List(t.Context(), ingresses))
			l.Must(l.Client.List(t.Context(), maps))
			kept, err := json.Marshal([]any{ingresses, maps})
			l.Must(err)
			for _, text := range []string{key, id, clientSecret} {
				if strings.Contains(all, text) || strings.Contains(string(kept), text) {
					t.Errorf("%s is in an event or object:\n%s", text, all)
				}
			}
		})
	}
}
