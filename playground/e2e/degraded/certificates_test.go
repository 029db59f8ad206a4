package degraded

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// TestTLSGoesOnWithoutListCertificates shows that TLS clients are served and edits carried out
// while AWS denies the controller the list of certificates. One member of the group names its
// certificate, and the other has its own found by host. The first one is edited meanwhile.
func TestTLSGoesOnWithoutListCertificates(t *testing.T) {
	c := playground(t)
	p := c.StartProcess(t, keys(newCloud(t, c)), region, vpc, alone)
	eventually(t, c, p.Health+"/readyz", 200, "ok")
	const (
		ns          = "certificates"
		certificate = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de00%d-0000-4000-8000-00000000000%d"
	)
	annotations := func(more string) scene.Annotations {
		out := scene.Annotations{"group.name": ns, "scheme": "internet-facing", "target-type": "ip",
			"listen-ports": `[{"HTTPS":443}]`}
		if more != "" {
			out["certificate-arn"] = more
		}
		return out
	}
	named := func(n int) string {
		return scene.Ingress(ns, "named", scene.Class, annotations(fmt.Sprintf(certificate, n, n)),
			scene.Path{Path: "/", Host: "shop.example.com"})
	}
	c.Apply(t, scene.Namespace(ns, 1)+named(1)+"---\n"+scene.Ingress(ns, "found", scene.Class, annotations(""),
		scene.Path{Path: "/", Host: "api.example.org"}))
	url := "https://" + c.IngressAddress(t, ns, "named") + "/"
	shows := func(host string, names ...string) {
		t.Helper()
		c.WaitFor(t, "the certificate for "+host, func(ctx context.Context) error {
			r, err := c.Get(ctx, url, host)
			if err == nil && (r.Status != 200 || !slices.Equal(r.TLS, names)) {
				err = fmt.Errorf("%d, certificate for %v", r.Status, r.TLS)
			}
			return err
		})
	}
	shows("shop.example.com", "example.com", "*.example.com")
	shows("api.example.org", "api.example.org")

	p.Kill() // the next process has not read the list
	permit := deny(t, c, "acm:ListCertificates")
	mark := c.Mark()
	p = c.StartProcess(t, keys(newCloud(t, c)), region, vpc, alone)
	// the process ends before the clean-up
	defer c.Kubectl(t, "delete", "ingress", "--all", "--namespace="+ns, "--timeout=3m")
	eventually(t, c, p.Health+"/readyz", 200, "ok")
	c.Apply(t, named(2))
	shows("shop.example.com", "shop.example.com")
	shows("api.example.org", "api.example.org")
	c.WaitFor(t, "the event that names the missing action", func(context.Context) error {
		for _, e := range c.Events(t, "Ingress", ns, "found") {
			if strings.Contains(e.Message, "acm:ListCertificates") {
				return nil
			}
		}
		return errors.New("there is none")
	})
	if writes := c.Writes(mark); slices.Contains(writes, "elasticloadbalancing RemoveListenerCertificates") {
		t.Errorf("a certificate was detached: %v", writes)
	}
	permit()
	shows("shop.example.com", "shop.example.com")
	shows("api.example.org", "api.example.org")
}
