package environment

import (
	"slices"
	"testing"
)

func TestOnlyAControllerWithTheFlagGetsTheHostOfWebhooks(t *testing.T) {
	t.Parallel()
	w := webhooks{address: "127.0.0.1:9443", dir: "/d"}
	for takesHost, want := range map[bool][]string{
		true:  {"--webhook-bind-port=9443", "--webhook-cert-dir=/d", "--webhook-bind-host=127.0.0.1"},
		false: {"--webhook-bind-port=9443", "--webhook-cert-dir=/d"},
	} {
		if got := w.args(takesHost); !slices.Equal(got, want) {
			t.Errorf("%v: %q, want %q", takesHost, got, want)
		}
	}
	if got := (webhooks{}).args(true); len(got) != 0 {
		t.Errorf("without webhooks: %q", got)
	}
}
