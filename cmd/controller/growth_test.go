package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/await"
	"github.com/k8s-lbc/lbc/internal/lib/longtest"
)

// cluster is what a controller runs against: an API server with Ingresses, each of a load balancer of its own, and a
// simulated account.
type cluster struct {
	api        *apiServer
	kubeconfig string
	args, env  []string
}

const shop = "shop"

// withIngresses starts a cluster with n Ingresses.
func withIngresses(t *testing.T, n int) *cluster {
	t.Helper()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	kind := func(group, version, kind string) schema.GroupVersionKind {
		return schema.GroupVersionKind{Group: group, Version: version, Kind: kind}
	}
	c := &cluster{api: newAPIServer(scheme, kind("", "v1", "Service"), kind("", "v1", "Namespace"), kind("", "v1", "Node"),
		kind("", "v1", "Pod"), kind("", "v1", "ConfigMap"), kind("", "v1", "Secret"), kind("", "v1", "Event"),
		kind("events.k8s.io", "v1", "Event"), kind("discovery.k8s.io", "v1", "EndpointSlice"),
		kind("networking.k8s.io", "v1", "Ingress"), kind("networking.k8s.io", "v1", "IngressClass"),
		kind("elbv2.k8s.aws", "v1beta1", "IngressClassParams"), kind("elbv2.k8s.aws", "v1beta1", "TargetGroupBinding"),
		kind("elbv2.k8s.aws", "v1alpha1", "LoadBalancer"), kind("coordination.k8s.io", "v1", "Lease"))}
	seeded := seed.Default()
	sim, err := awssim.New(awssim.Options{Seed: &seeded, Profile: account.Instant()})
	if err != nil {
		t.Fatal(err)
	}
	sim.Account.Lock()
	sim.Account.Quotas = map[string]int{"application-load-balancers": 2 * n, "target-groups": 2 * n,
		"vpc-security-groups-per-region": 2*n + 100}
	sim.Account.Unlock()
	t.Cleanup(func() { _ = sim.Close() })
	aws, api := httptest.NewServer(sim.Handler()), httptest.NewServer(c.api)
	t.Cleanup(aws.Close)
	t.Cleanup(api.CloseClientConnections)
	for _, o := range objectsOf(seeded, n) {
		gvk, err := apiutil.GVKForObject(o, scheme)
		if err != nil {
			t.Fatal(err)
		}
		o.GetObjectKind().SetGroupVersionKind(gvk)
		if err := c.api.create(o); err != nil {
			t.Fatal(err)
		}
	}
	c.kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(c.kubeconfig, fmt.Appendf(nil, "{apiVersion: v1, kind: Config, current-context: c, contexts: "+
		"[{name: c, context: {cluster: c}}], clusters: [{name: c, cluster: {server: %q}}]}", api.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	c.args = []string{"--cluster-name=" + seeded.Cluster.Name, "--kubeconfig=" + c.kubeconfig,
		"--aws-region=" + seeded.Region, "--aws-vpc-id=" + seeded.VPC.ID, "--enable-leader-election=false",
		"--leader-election-namespace=kube-system", "--health-probe-bind-addr=0"}
	c.env = append(os.Environ(), asController+"="+measured, "AWS_ENDPOINT_URL="+aws.URL, "AWS_REGION="+seeded.Region,
		"AWS_ACCESS_KEY_ID=AKIAGROWTH0000000001", "AWS_SECRET_ACCESS_KEY=growth", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "GOGC=100", "GOCOVERDIR="+t.TempDir())
	return c
}

// objectsOf are Ingresses with a Service of a ready pod each, and what they need.
func objectsOf(seeded seed.File, n int) []client.Object {
	all := []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: shop}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kube-system"}},
		&networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"},
			Spec: networkingv1.IngressClassSpec{Controller: "ingress.k8s.aws/alb"}}}
	for _, node := range seeded.Cluster.Nodes {
		o := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node.Name}}
		o.Spec.ProviderID = node.ProviderID()
		o.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
		all = append(all, o)
	}
	node := seeded.Cluster.Nodes[0].Name
	for i := range n {
		at := metav1.ObjectMeta{Namespace: shop, Name: fmt.Sprint("app-", i)}
		address := fmt.Sprintf("10.0.%d.%d", 128+(i+100)/250, (i+100)%250+1)
		pod := &corev1.Pod{ObjectMeta: at, Spec: corev1.PodSpec{NodeName: node}}
		pod.Status.PodIP = address
		for _, is := range []corev1.PodConditionType{corev1.PodReady, corev1.ContainersReady} {
			pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: is, Status: corev1.ConditionTrue})
		}
		slice := &discoveryv1.EndpointSlice{ObjectMeta: at, AddressType: discoveryv1.AddressTypeIPv4,
			Endpoints: []discoveryv1.Endpoint{{Addresses: []string{address}, NodeName: &node, TargetRef: &corev1.ObjectReference{
				Kind: "Pod", Namespace: shop, Name: at.Name},
				Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true), Serving: ptr.To(true)}}},
			Ports: []discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: ptr.To(int32(8080)),
				Protocol: ptr.To(corev1.ProtocolTCP)}}}
		slice.Labels = map[string]string{discoveryv1.LabelServiceName: at.Name}
		ingress := &networkingv1.Ingress{ObjectMeta: at, Spec: networkingv1.IngressSpec{IngressClassName: ptr.To("alb"),
			DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: at.Name,
				Port: networkingv1.ServiceBackendPort{Name: "http"}}}}}
		ingress.Annotations = map[string]string{"alb.ingress.kubernetes.io/target-type": "ip"}
		all = append(all, pod, slice, ingress, &corev1.Service{ObjectMeta: at, Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": at.Name}, ClusterIP: "172.20.0.1", Type: corev1.ServiceTypeClusterIP,
			Ports: []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromInt32(8080),
				Protocol: corev1.ProtocolTCP}}}})
	}
	return all
}

// measured is the mode of a controller that tells what it has allocated.
const measured = "measured"

// reportAllocated writes ten times a second how many bytes the process has allocated, which costs it next to nothing.
func reportAllocated(to io.Writer) {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	for range time.Tick(100 * time.Millisecond) {
		metrics.Read(sample)
		_, _ = fmt.Fprintln(to, sample[0].Value.Uint64())
	}
}

// running is a process that runs the controller.
type running struct {
	*exec.Cmd
	metrics string
	log     *bytes.Buffer
	bytes   atomic.Int64 // that the process has allocated
	ended   chan struct{}
}

func (c *cluster) start(t *testing.T) *running {
	t.Helper()
	var free [2]string
	for i := range free {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		free[i] = l.Addr().String()
		_ = l.Close()
	}
	_, webhook, _ := net.SplitHostPort(free[1])
	args := append(slices.Clone(c.args), "--metrics-bind-addr="+free[0], "--webhook-bind-port="+webhook)
	cmd := exec.Command(os.Args[0], args...) //nolint:gosec // this binary
	r := &running{Cmd: cmd, metrics: free[0], log: &bytes.Buffer{}, ended: make(chan struct{})}
	r.Env, r.Stderr = c.env, r.log
	stdout, err := r.StdoutPipe()
	if err == nil {
		err = r.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.ended)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			n, _ := strconv.ParseInt(s.Text(), 10, 64)
			r.bytes.Store(n)
		}
		_ = r.Wait()
	}()
	t.Cleanup(func() {
		_ = r.Process.Kill()
		<-r.ended
		if t.Failed() {
			t.Logf("%.4000s", r.log)
		}
	})
	return r
}

// stop ends a process as Kubernetes does.
func (r *running) stop() {
	_ = r.Process.Signal(syscall.SIGTERM)
	<-r.ended
}

// passes is how many passes the process has made; -1 = it does not tell yet.
func (r *running) passes() (n int) {
	answer, err := http.Get("http://" + r.metrics + "/metrics")
	if err != nil {
		return -1
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	for s := bufio.NewScanner(answer.Body); s.Scan(); {
		if at := strings.LastIndexByte(s.Text(), ' '); strings.HasPrefix(s.Text(), "controller_runtime_reconcile_total") {
			value, _ := strconv.ParseFloat(s.Text()[at+1:], 64)
			n += int(value)
		}
	}
	return n
}

// A process rests if it allocates less than restAllocated in restWindow.
const (
	restAllocated = 1 << 20
	restWindow    = time.Second
)

// rest waits until the process has made so many passes and rests, and returns what it had allocated then.
func (r *running) rest(t *testing.T, passes int) float64 {
	t.Helper()
	for range 300 {
		before := r.bytes.Load()
		await.Pause(restWindow)
		if before > 0 && r.bytes.Load()-before < restAllocated && r.passes() >= passes {
			return float64(before)
		}
	}
	t.Fatal("the process does not come to rest")
	return 0
}

// What a restart with nothing to do allocates for an Ingress, and what a second of rest does, beside what does not
// depend on the number of Ingresses. The goals are 300 KB and nothing. A restart with few Ingresses differs by a tenth from
// run to run; one with many takes so long that work which follows a start is in it.
const (
	mostRestart     = 345_000
	mostRestartLong = 650_000
	mostRest        = 2_000
)

// TestProcessCostsInProportionToIngresses measures what a process allocates at a restart with nothing to do, and, in
// make growth, at rest after it.
func TestProcessCostsInProportionToIngresses(t *testing.T) { // not parallel: processes with much to do
	if longtest.Race {
		t.Skip("the race detector allocates, too")
	}
	// a start reads a page of 20 objects, however many there are
	sizes, mostOfRestart := []int{20, 50}, float64(mostRestart)
	if growth.Long {
		sizes, mostOfRestart = []int{25, 100, 400}, mostRestartLong
	}
	restart, rest := make([]growth.Point, len(sizes)), make([]growth.Point, len(sizes))
	t.Run("processes", func(t *testing.T) {
		for i, n := range sizes {
			t.Run(strconv.Itoa(n), func(t *testing.T) {
				if !growth.Long { // else they would share the processors for minutes
					t.Parallel()
				}
				restart[i].N, rest[i].N = n, n
				restart[i].Cost, rest[i].Cost = restarted(t, n)
			})
		}
	})
	for _, of := range []struct {
		what   string
		points []growth.Point
		most   float64
	}{{"bytes of a restart, by Ingresses", restart, mostOfRestart}, {"bytes of a second of rest after it", rest, mostRest}} {
		growth.Log(t, fmt.Sprint(of.what, ", of ", sizes), of.points)
		few, many := of.points[0], of.points[len(sizes)-1]
		if one := (many.Cost - few.Cost) / float64(many.N-few.N); one > of.most {
			t.Errorf("%s: %.0f for each, want at most %.0f: %v", of.what, one, of.most, of.points)
		}
	}
}

// restarted returns what a process with n Ingresses allocates after a restart until it rests, and, in make growth, in a
// second of rest.
func restarted(t *testing.T, n int) (restart, rest float64) {
	t.Helper()
	c := withIngresses(t, n)
	first := c.start(t)
	first.rest(t, 2*n)
	first.stop()
	again := c.start(t)
	restart = again.rest(t, 2*n)
	if growth.Long {
		await.Pause(15 * time.Second) // what follows a start
		before := again.bytes.Load()
		await.Pause(10 * time.Second)
		rest = float64(again.bytes.Load()-before) / 10
	}
	again.stop()
	return restart, rest
}
