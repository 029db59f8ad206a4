// Package degraded shows end to end that a controller starts with less than it needs, says what it lacks, and goes on
// without a restart when that comes; and each way to credentials and endpoints of AWS once. Its controllers reach the
// simulator under AWS's own names.
package degraded

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/tools/clientcmd"

	conditions "github.com/k8s-lbc/lbc/internal/model/impairment"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// playground starts the playground of the package, without a controller of its own.
func playground(t *testing.T) *harness.Cluster {
	t.Helper()
	return harness.Start(t, harness.Options{Account: "account.yaml", NoController: true})
}

const (
	region, vpc = "--aws-region=us-west-2", "--aws-vpc-id=vpc-0a1de000000000001"
	alone       = "--enable-leader-election=false"
)

// keys are credentials in the environment.
func keys(c *cloud, more ...string) []string {
	return c.environment(append([]string{"AWS_ACCESS_KEY_ID=AKIAPLAYGROUND000001", "AWS_SECRET_ACCESS_KEY=playground",
		"AWS_EC2_METADATA_DISABLED=true"}, more...)...)
}

// logged counts the lines of a process's log that contain a text.
func logged(t *testing.T, p *harness.Process, text string) (n int) {
	t.Helper()
	content, err := os.ReadFile(p.Log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// TestControllerWaitsForRegionCredentialsAndVPC shows that a process waits, live but not ready, for
// region, credentials and VPC, and starts as each arrives. The instance metadata service answers
// more and more.
func TestControllerWaitsForRegionCredentialsAndVPC(t *testing.T) {
	c := playground(t)
	aws := newCloud(t, c)
	c.Apply(t, "apiVersion: v1\nkind: Pod\nmetadata: {name: lbc-0, namespace: kube-system}\nspec: {schedulerName: none, "+
		"containers: [{name: controller, image: controller}]}\n")
	t.Cleanup(func() {
		_, _ = c.TryKubectl(t, "delete", "pod", "-n", "kube-system", "lbc-0", "--force", "--grace-period=0")
	})
	aws.admit(func(host, _ string) bool { return host != "169.254.169.254" })
	p := c.StartProcess(t, aws.environment("POD_NAME=lbc-0", "POD_NAMESPACE=kube-system"), alone)
	pid := p.PID()
	shows := func(reason, text string) {
		t.Helper()
		page := eventually(t, c, p.Health+"/readyz", 500, "[-]aws failed: "+text)
		if !strings.Contains(page, "[-]started failed") || !strings.Contains(page, "[+]api-server ok") {
			t.Errorf("/readyz: %s", page)
		}
		eventually(t, c, p.Health+"/readyz/aws", 500, text)
		eventually(t, c, p.Health+"/healthz", 200)
		eventually(t, c, p.Metrics+"/metrics", 200, `lbc_degraded{reason="`+reason+`"} 1`)
		c.WaitFor(t, "the event about "+reason, func(context.Context) error {
			out, err := c.TryKubectl(t, "describe", "pod", "-n", "kube-system", "lbc-0")
			if err == nil && !strings.Contains(out, text) {
				err = errors.New(out)
			}
			return err
		})
	}
	shows("region", "failed to introspect region from EC2Metadata")
	aws.admit(func(_, path string) bool {
		return path == "/latest/api/token" || strings.HasPrefix(path, "/latest/dynamic/") ||
			!strings.HasPrefix(path, "/latest/")
	})
	shows("credentials", "no credentials for AWS: no EC2 IMDS role found")
	aws.admit(func(_, path string) bool { return path != "/latest/meta-data/mac" })
	shows("vpc", "failed to get VPC ID: failed to fetch VPC ID from instance metadata")
	aws.admit(nil)
	eventually(t, c, p.Health+"/readyz", 200, "ok")
	if page := eventually(t, c, p.Metrics+"/metrics", 200, "lbc_degraded"); strings.Contains(page, "} 1\nlbc_degraded") {
		t.Error("the metric shows what has healed")
	}
	for _, reason := range []string{"region", "credentials", "vpc"} {
		if n := logged(t, p, `"msg":"recovered","reason":"`+reason+`"`); n != 1 {
			t.Errorf("%d lines say that %s has healed", n, reason)
		}
	}
	if p.PID() != pid || p.Err() != nil {
		t.Errorf("the process ended: %v", p.Err())
	}
	serves(t, c, "arrived")
}

// serves applies an Ingress and waits for its answer.
func serves(t *testing.T, c *harness.Cluster, ns string) {
	t.Helper()
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "web", scene.Class, scene.Annotations{"scheme": "internet-facing",
		"target-type": "ip"}))
	t.Cleanup(func() {
		if out, err := c.TryKubectl(t, "delete", "ingress", "-n", ns, "web"); err != nil {
			t.Logf("%v %s", err, out)
		}
	})
	c.WaitGet(t, "http://"+c.IngressAddress(t, ns, "web")+"/", "", 200, "web")
}

// TestAnAPIServerThatComesLaterStartsTheController shows that a process waits, reporting why, for
// an API server that does not answer, and then starts. The kubeconfig names an address at which the
// API server answers only later.
func TestAnAPIServerThatComesLaterStartsTheController(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for pauses between attempts")
	}
	c := playground(t)
	aws := newCloud(t, c)
	path, err := c.Env.Cluster.Plane.ControllerKubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := clientcmd.LoadFromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at, answer := later(t)
	server := ""
	for _, k := range kubeconfig.Clusters {
		u, err := url.Parse(k.Server)
		if err != nil {
			t.Fatal(err)
		}
		server, u.Host = u.Host, at
		k.Server = u.String()
	}
	own := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*kubeconfig, own); err != nil {
		t.Fatal(err)
	}
	p := c.StartProcess(t, keys(aws), region, vpc, alone, "--kubeconfig="+own)
	eventually(t, c, p.Health+"/readyz", 500, "[-]api-server failed: the API server at https://"+at+" does not answer",
		"[+]aws ok")
	eventually(t, c, p.Metrics+"/metrics", 200, `lbc_degraded{reason="api-server"} 1`)
	answer(server)
	eventually(t, c, p.Health+"/readyz", 200, "ok")
	if n := logged(t, p, `"degraded","reason":"api-server"`); n != 1 {
		t.Errorf("%d lines about the API server", n)
	}
	serves(t, c, "reached")
}

// later is an address that ends each connection until answer has it forward them. It is held from the beginning, so
// that nothing else can take it.
func later(t *testing.T) (at string, answer func(to string)) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	var forward atomic.Pointer[string]
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			to := forward.Load()
			if to == nil {
				_ = in.Close()
				continue
			}
			out, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", *to)
			if err != nil {
				_ = in.Close()
				continue
			}
			for _, x := range [][2]net.Conn{{in, out}, {out, in}} {
				go func() {
					_, _ = x[0].(*net.TCPConn).ReadFrom(x[1])
					_ = x[0].Close()
				}()
			}
		}
	}()
	return listener.Addr().String(), func(to string) { forward.Store(&to) }
}

// TestDefinitionsThatComeLaterSwitchOnWhatNeedsThem shows that /readyz, metrics, log and events
// report missing definitions of our own kinds, until they are applied.
func TestDefinitionsThatComeLaterSwitchOnWhatNeedsThem(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for pauses between attempts")
	}
	c := playground(t)
	names := []string{"targetgroupbindings.elbv2.k8s.aws", "ingressclassparams.elbv2.k8s.aws"}
	for _, n := range names {
		c.Kubectl(t, "delete", "customresourcedefinition", n, "--wait=true", "--timeout=2m")
	}
	t.Cleanup(func() { _, _ = c.TryKubectl(t, "apply", "--server-side", "-f", c.Repo.CRDs()) })
	p := c.StartProcess(t, keys(newCloud(t, c)), region, vpc, alone)
	const text = "the API server does not serve IngressClassParams (elbv2.k8s.aws/v1beta1) and TargetGroupBinding " +
		"(elbv2.k8s.aws/v1beta1)"
	eventually(t, c, p.Health+"/readyz?verbose", 200, "[!]definitions degraded: "+text, conditions.ApplyDefinitions)
	eventually(t, c, p.Health+"/readyz/definitions", 500, text)
	const ns = "undefined"
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "web", scene.Class, scene.Annotations{"scheme": "internet-facing",
		"target-type": "ip"}))
	c.WaitFor(t, "the event about the definition", func(context.Context) error {
		for _, e := range c.Events(t, "Ingress", ns, "web") {
			if strings.Contains(e.Message, "DefinitionMissing") {
				return nil
			}
		}
		return errors.New("there is none")
	})
	if out, err := c.TryKubectl(t, "apply", "--server-side", "--force-conflicts", "-f", c.Repo.CRDs()); err != nil {
		t.Fatal(err, out)
	}
	c.WaitGet(t, "http://"+c.IngressAddress(t, ns, "web")+"/", "", 200, "web")
	if page := eventually(t, c, p.Health+"/readyz?verbose", 200, "[+]definitions ok"); page == "" ||
		logged(t, p, `"degraded","reason":"definitions"`) != 1 || logged(t, p, `"recovered","reason":"definitions"`) != 1 {
		t.Errorf("/readyz?verbose: %s", page)
	}
	c.Kubectl(t, "delete", "ingress", "-n", ns, "web")
}

// TestARightThatIsGrantedLaterStartsWhatNeedsIt shows that a process without the right to list
// Ingresses names it at /readyz, and serves once it is granted.
func TestARightThatIsGrantedLaterStartsWhatNeedsIt(t *testing.T) {
	c := playground(t)
	grant := withdraw(t, c, "ingresses", "list")
	p := c.StartProcess(t, keys(newCloud(t, c)), region, vpc, alone)
	eventually(t, c, p.Health+"/readyz", 500, "[!]rights degraded: the controller's ServiceAccount may not ",
		"list, watch ingresses.networking.k8s.io", "[-]caches failed")
	grant()
	eventually(t, c, p.Health+"/readyz", 200, "ok")
	eventually(t, c, p.Health+"/readyz?verbose", 200, "[+]rights ok")
	serves(t, c, "granted")
}

// TestAWrongFlagStillEndsTheProcess shows that a process with a wrong flag ends instead of waiting.
func TestAWrongFlagStillEndsTheProcess(t *testing.T) {
	c := playground(t)
	for _, flag := range []string{"--cluster-name=", "--feature-gates=Nonsense=true", "--kubeconfig=/nonexistent",
		"--metrics-bind-addr=127.0.0.1:1:2", "--kube-ca-pem-filepath=/nonexistent"} {
		p := c.StartProcess(t, nil, alone, flag)
		c.WaitFor(t, "the end of a controller with "+flag, func(context.Context) error {
			select {
			case <-p.Done():
				return nil
			default:
				return errors.New("it runs")
			}
		})
	}
}
