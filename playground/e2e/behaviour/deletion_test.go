package behaviour

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// everything is a namespace with a class of its own, two Ingresses of it and a Service with a load balancer.
func everything(ns string) (namespace, class, ingresses, service string) {
	class = scene.IngressClass(ns, "{scheme: internet-facing, targetType: ip}")
	ingresses = scene.Ingress(ns, "web", ns, nil) + scene.Ingress(ns, "member", ns, scene.Annotations{"group.name": ns})
	service = fmt.Sprintf(`apiVersion: v1
kind: Service
metadata:
  name: balanced
  namespace: %s
  annotations: {service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: ip, service.beta.kubernetes.io/aws-load-balancer-scheme: internet-facing}
spec:
  type: LoadBalancer
  loadBalancerClass: service.k8s.aws/nlb
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}]
---
`, ns)
	return scene.Namespace(ns, 1), class, ingresses, service
}

// deletions are orders in which users delete things: each step is one kubectl delete, which does not wait.
var deletions = []struct {
	name  string
	steps func(t *testing.T, c *harness.Cluster, ns string)
}{
	{"delspace", func(t *testing.T, c *harness.Cluster, ns string) { // the namespace, with all that is in it
		remove(t, c, "namespace", ns)
	}},
	{"delclass", func(t *testing.T, c *harness.Cluster, ns string) { // the class before its Ingresses
		remove(t, c, "ingressclassparams", ns)
		remove(t, c, "ingressclass", ns)
		remove(t, c, "-n", ns, "ingress", "--all")
		remove(t, c, "-n", ns, "service", "--all")
	}},
	{"delsvc", func(t *testing.T, c *harness.Cluster, ns string) { // backends before what needs them
		remove(t, c, "-n", ns, "deployment", "--all")
		remove(t, c, "-n", ns, "service", "--all")
		remove(t, c, "-n", ns, "ingress", "--all")
	}},
	{"delbind", func(t *testing.T, c *harness.Cluster, ns string) { // the controller's own objects first
		remove(t, c, "-n", ns, "targetgroupbindings", "--all")
		remove(t, c, "-n", ns, "ingress", "--all")
		remove(t, c, "-n", ns, "service", "--all")
	}},
	{"delonego", func(t *testing.T, c *harness.Cluster, ns string) { // everything in one go
		namespace, class, ingresses, service := everything(ns)
		path := filepath.Join(t.TempDir(), "all.yaml")
		if err := os.WriteFile(path, []byte(class+ingresses+service+namespace), 0o600); err != nil {
			t.Fatal(err)
		}
		remove(t, c, "-f", path)
	}},
}

func remove(t *testing.T, c *harness.Cluster, args ...string) {
	t.Helper()
	c.Kubectl(t, append([]string{"delete", "--wait=false", "--ignore-not-found"}, args...)...)
}

// TestWhateverIsDeletedFirstNothingIsLeft shows that nothing is left in AWS or the cluster in
// whatever order Kubernetes deletes namespace, class, Ingress, Service and bindings.
func TestWhateverIsDeletedFirstNothingIsLeft(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	for _, d := range deletions {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			ns := d.name
			namespace, class, ingresses, service := everything(ns)
			c.Apply(t, class+namespace+ingresses+service)
			serve(t, c, ns, "web", "/")
			serve(t, c, ns, "member", "/")
			c.WaitGet(t, "http://"+c.ServiceAddress(t, ns, "balanced")+"/", "", 200, "web")
			d.steps(t, c, ns)
			scene.WaitGone(t, c, append(scene.Marks(ns), "k8s-"+ns+"-", "ingress.k8s.aws/stack="+ns)...)
			wait(t, c, "the objects to go", func() string {
				return scene.Query(t, c, "get", "ingress,service,targetgroupbindings", "-n", ns, "--ignore-not-found", "-o", "name")
			})
		})
	}
}
