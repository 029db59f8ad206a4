package intent

import (
	"encoding/json"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestMemberOfOldCheckpointKeepsAuthentication(t *testing.T) {
	t.Parallel()
	var m Member
	if err := json.Unmarshal(
		[]byte(`{"Routes": [{"Guard": [{"Type": "authenticate-oidc"}], "Actions": [{"Type": "forward"}]}], "Held": true}`),
		&m); err != nil {
		t.Fatal(err)
	}
	if !m.Former || len(m.Routes) != 1 || len(m.Routes[0].Authentication) != 1 || m.Routes[0].Authentication[0].Type !=
		stack.ActionAuthenticateOIDC {
		t.Errorf("%+v", m)
	}
}
