package naming

import "testing"

func TestAcceleratorsAreNamedAsTheExistingControllerNamesThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ namespace, name, ipAddressType, want string }{
		{"default", "web", "IPV4", "k8s_default_web_7c08a053f829eb4715cb5495d"},
		{"default", "web", "DUAL_STACK", "k8s_default_web_ea68cb4e8b2c38007e39b7a5c"},
		{"production-team-blue", "web.frontend-accelerator", "IPV4",
			"k8s_production-team-_webfrontend-acce_a3e31633605448f1de06d6854"},
	} {
		if got := Accelerator("my-cluster", "us-west-2", c.namespace, c.name, c.ipAddressType); got != c.want {
			t.Errorf("%s/%s %s: %s, want %s", c.namespace, c.name, c.ipAddressType, got, c.want)
		}
	}
}
