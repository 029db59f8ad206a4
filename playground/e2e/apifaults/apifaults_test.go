// Package apifaults breaks the API server and etcd under a running controller in each way that a cluster may see, while
// objects are edited and pods come and go. It looks whether each write to AWS has its reason in an object, and how long
// it takes until AWS has what the objects say. It has tests only.
package apifaults

import (
	"context"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/k8s-lbc/lbc/playground/apiproxy"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/wrongwrite"
)

func TestMain(m *testing.M) { harness.Main(m) }

// recovery is how long after the end of a fault AWS may differ from what objects say: half a minute, and as much again
// three times for a machine that is busy.
const recovery = 4 * 30 * time.Second

// bounds are those of the writes: caches are late by ten seconds, and the API server or the way to it is away for at
// most twelve.
var bounds = wrongwrite.Bounds{Late: 30 * time.Second, Ahead: 3 * time.Second}

const (
	ns         = "broken"
	attributes = "alb.ingress.kubernetes.io/load-balancer-attributes"
)

func idleTimeout(seconds int) string { return fmt.Sprintf("idle_timeout.timeout_seconds=%d", seconds) }

// ingress is the manifest of an Ingress whose load balancer has an idle timeout and one path.
func ingress(name string, idle int, path string) string {
	return scene.Ingress(ns, name, scene.Class, scene.Annotations{"scheme": "internet-facing", "target-type": "ip",
		attributes: idleTimeout(idle)}, scene.Path{Path: path})
}

// suite is a controller behind a proxy, and what AWS should have.
type suite struct {
	*harness.Cluster
	proxy   *apiproxy.Proxy
	history *history
	began   uint64          // number of the last call before
	found   map[string]bool // wrong writes that were reported

	want
}

// want is what objects say, but for the endpoints.
type want struct {
	idle     int    // of the Ingresses a, b and c
	path     string // of the Ingress a
	former   string // path that it had before; empty: none
	there    []string
	gone     []string
	replicas int // 0: that does not matter
}

// begin starts everything that the faults need.
func begin(t *testing.T) *suite {
	c := harness.Start(t, harness.Options{ExtraArgs: []string{"--enable-leader-election=false"}})
	s := &suite{Cluster: c, began: c.Mark(), found: map[string]bool{}, want: want{idle: 60, path: "/step-60",
		there: []string{"a", "b", "c", "old"}, gone: []string{"d", "made"}, replicas: 2}}
	s.proxied(t)
	// The namespace goes with the playground: after etcd was restored, the simulated nodes, whose watches go on at
	// versions of the time before, may not hear for minutes that its pods are to end.
	if _, err := s.Client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{Name: ns}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	s.history = record(t, c)
	manifests := scene.Backend(ns, "web", 2)
	for _, name := range s.there {
		manifests += ingress(name, s.idle, s.path)
	}
	s.Apply(t, manifests)
	s.settle(t)
	for _, name := range s.there {
		scene.WaitSuccess(t, c, ns, name, 0) // nothing is left to be made
	}
	return s
}

// proxied has the controller reach the API server by a proxy.
func (s *suite) proxied(t *testing.T) {
	t.Helper()
	direct, err := s.Env.Cluster.Plane.ControllerKubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.LoadFromFile(direct)
	if err != nil {
		t.Fatal(err)
	}
	server, err := url.Parse(s.Config.Host)
	if err != nil {
		t.Fatal(err)
	}
	to, err := rest.TransportFor(&rest.Config{TLSClientConfig: s.Config.TLSClientConfig})
	if err != nil {
		t.Fatal(err)
	}
	s.proxy = apiproxy.New(server, to, rand.New(rand.NewPCG(1, 2)).Float64)
	front := httptest.NewUnstartedServer(s.proxy)
	front.EnableHTTP2 = true // as the API server has it; and client-go has no credentials for http
	front.StartTLS()
	t.Cleanup(func() {
		s.proxy.Set(apiproxy.Faults{})
		s.RestartController(t, "--enable-leader-election=false") // one that needs no proxy
		front.CloseClientConnections()
		front.Close()
	})
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw})
	for _, cluster := range config.Clusters {
		cluster.Server, cluster.CertificateAuthorityData = front.URL, ca
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	s.RestartController(t, "--enable-leader-election=false", "--kubeconfig="+path)
}

// edit changes all Ingresses, makes or deletes the Ingress d, and has a pod come or go.
func (s *suite) edit(t *testing.T) {
	t.Helper()
	s.change(t)
	if slices.Contains(s.there, "d") {
		s.drop(t, "d")
	} else {
		s.add(t, "d")
	}
	s.replicas = 5 - s.replicas
	patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, s.replicas)
	s.WaitFor(t, "the replicas", func(ctx context.Context) error {
		_, err := s.Client.AppsV1().Deployments(ns).Patch(ctx, "web", types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
}

// change gives the Ingresses another idle timeout, and one of them another path, again until the API server takes it.
func (s *suite) change(t *testing.T) {
	t.Helper()
	s.idle++
	s.former, s.path = s.path, fmt.Sprintf("/step-%d", s.idle)
	for _, name := range []string{"a", "b", "c"} {
		s.WaitFor(t, "the edit of Ingress "+name, func(ctx context.Context) error {
			i, err := s.Client.NetworkingV1().Ingresses(ns).Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			i.Annotations[attributes] = idleTimeout(s.idle)
			if name == "a" {
				i.Spec.Rules[0].HTTP.Paths[0].Path = s.path
			}
			_, err = s.Client.NetworkingV1().Ingresses(ns).Update(ctx, i, metav1.UpdateOptions{})
			return err
		})
	}
}

// add makes an Ingress.
func (s *suite) add(t *testing.T, name string) {
	t.Helper()
	scene.Change(t, s.Cluster, ingress(name, s.idle, "/"))
	s.there, s.gone = append(s.there, name), without(s.gone, name)
}

// drop deletes an Ingress, and does not wait for its end.
func (s *suite) drop(t *testing.T, name string) {
	t.Helper()
	s.WaitFor(t, "the deletion of Ingress "+name, func(ctx context.Context) error {
		err := s.Client.NetworkingV1().Ingresses(ns).Delete(ctx, name, metav1.DeleteOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
	s.gone, s.there = append(s.gone, name), without(s.there, name)
}

func without(all []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == name })
}

// age has the resource version of the API server grow by so much, as it does within some time in a cluster that is
// used: the writes of a start of the API server would make up for fewer.
func (s *suite) age(t *testing.T, versions int) {
	t.Helper()
	const workers = 20
	maps := s.Client.CoreV1().ConfigMaps(ns)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			name := fmt.Sprintf("age-%d", w)
			if _, err := maps.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}},
				metav1.CreateOptions{}); err != nil {
				t.Error(err)
			}
			for n := range versions / workers {
				if _, err := maps.Patch(t.Context(), name, types.MergePatchType, fmt.Appendf(nil, `{"data":{"n":"%d"}}`, n),
					metav1.PatchOptions{}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// settle waits until AWS has what the objects say.
func (s *suite) settle(t *testing.T) {
	t.Helper()
	s.WaitFor(t, "AWS as the objects say", func(ctx context.Context) error {
		ready := s.history.ready()
		if s.replicas > 0 && len(ready) != s.replicas {
			return fmt.Errorf("%d endpoints are ready, want %d", len(ready), s.replicas)
		}
		held := map[string]string{} // idle timeouts by stack
		for _, lb := range s.Simulator.Resources().LoadBalancers {
			stack := lb.Tags["ingress.k8s.aws/stack"]
			held[stack] = lb.Attributes["idle_timeout.timeout_seconds"]
			name, ours := strings.CutPrefix(stack, ns+"/")
			if !ours || !slices.Contains(s.there, name) {
				continue
			}
			for _, group := range s.TargetGroups(lb) {
				if registered := targets(s.Cluster, group.ARN); !slices.Equal(registered, ready) {
					return fmt.Errorf("targets of %s are %v, want %v", name, registered, ready)
				}
			}
		}
		for _, name := range s.there {
			idle, ok := held[ns+"/"+name]
			if editable := len(name) == 1 && name != "d"; !ok || editable && idle != fmt.Sprint(s.idle) {
				return fmt.Errorf("the load balancer of %s has the idle timeout %q, want %d", name, idle, s.idle)
			}
		}
		for _, name := range s.gone {
			if _, ok := held[ns+"/"+name]; ok {
				return fmt.Errorf("the load balancer of %s is there", name)
			}
			// an Ingress that is made while the former one of its name ends would end with it
			_, err := s.Client.NetworkingV1().Ingresses(ns).Get(ctx, name, metav1.GetOptions{})
			switch {
			case err == nil:
				return fmt.Errorf("the Ingress %s is there", name)
			case !apierrors.IsNotFound(err):
				return err
			}
		}
		return s.serves(ctx)
	})
}

// serves asks by the path that the Ingress a has, and by the former one.
func (s *suite) serves(ctx context.Context) error {
	for _, lb := range s.Simulator.Resources().LoadBalancers {
		if lb.Tags["ingress.k8s.aws/stack"] != ns+"/a" {
			continue
		}
		for path, status := range map[string]int{s.path: 200, s.former: 404} {
			if path == "" {
				continue
			}
			r, err := s.Get(ctx, "http://"+lb.DNSName+path, "")
			if err != nil {
				return err
			}
			if r.Status != status {
				return fmt.Errorf("%s answers %d, want %d", path, r.Status, status)
			}
		}
		return nil
	}
	return fmt.Errorf("there is no load balancer of a")
}

// targets are the ids of the targets of a group that are not on their way out.
func targets(c *harness.Cluster, arn string) (ids []string) {
	for _, target := range scene.Targets(c, arn) {
		ids = append(ids, target.ID)
	}
	slices.Sort(ids)
	return ids
}

// wrong are the wrong writes that were not reported yet.
func (s *suite) wrong() (all []string) {
	for _, w := range wrongwrite.Find(s.history.all(), s.Calls(s.began), bounds) {
		if !s.found[w] {
			all = append(all, w)
		}
		s.found[w] = true
	}
	return all
}

// fault breaks something while objects are edited, and returns when that has ended.
type fault struct {
	name string
	do   func(t *testing.T, s *suite)
}

// between is a fault of the proxy that lasts for a while; happened reports whether it has struck.
func between(name string, f apiproxy.Faults, lasts time.Duration,
	happened func(before, after apiproxy.Counts) bool) fault {
	return fault{name, func(t *testing.T, s *suite) {
		before := s.proxy.Counts()
		s.proxy.Set(f)
		began := time.Now()
		s.edit(t)
		time.Sleep(lasts / 3) // edits that the controller hears of together, or one by one
		s.change(t)
		time.Sleep(time.Until(began.Add(lasts))) // what is tested is the time itself
		s.proxy.Set(apiproxy.Faults{})
		after := s.proxy.Counts()
		t.Logf("%+v", after)
		if !happened(before, after) {
			t.Errorf("the fault has not happened: before %+v, after %+v", before, after)
		}
	}}
}

var faults = []fault{
	{"it restarts", func(t *testing.T, s *suite) {
		s.edit(t)
		if err := s.Env.Cluster.Plane.RestartAPIServer(t.Context()); err != nil {
			t.Fatal(err)
		}
	}},
	{"it stands still for longer than requests wait", func(t *testing.T, s *suite) {
		s.edit(t)
		if err := s.Env.Cluster.Plane.PauseAPIServer(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Second) // what is tested is the time itself
		if err := s.Env.Cluster.Plane.ResumeAPIServer(); err != nil {
			t.Fatal(err)
		}
	}},
	{"it ends all connections again and again", func(t *testing.T, s *suite) {
		s.edit(t)
		for range 50 {
			s.Env.Cluster.Plane.CutAPIServer()
			time.Sleep(50 * time.Millisecond)
		}
	}},
	{"others write the same objects all the time", func(t *testing.T, s *suite) {
		s.edit(t)
		for end, n := time.Now().Add(5*time.Second), 0; time.Now().Before(end); n++ {
			_, err := s.TryKubectl(t, "label", "ingress,targetgroupbindings", "-n", ns, "--all", "--overwrite",
				fmt.Sprintf("touched=%d", n))
			if err != nil && !strings.Contains(err.Error(), "NotFound") { // an Ingress that was deleted goes meanwhile
				t.Fatal(err)
			}
		}
	}},
	between("it refuses most updates with 409", apiproxy.Faults{Conflict: 0.8}, 6*time.Second,
		func(b, a apiproxy.Counts) bool { return a.Conflicts > b.Conflicts }),
	between("it refuses half of all requests with 429", apiproxy.Faults{Throttle: 0.5, RetryAfter: time.Second},
		6*time.Second, func(b, a apiproxy.Counts) bool { return a.Throttled > b.Throttled }),
	between("it is slow", apiproxy.Faults{Delay: 2 * time.Second}, 6*time.Second,
		func(b, a apiproxy.Counts) bool { return a.Late > b.Late }),
	between("caches are late by ten seconds", apiproxy.Faults{WatchDelay: 10 * time.Second}, 11*time.Second,
		func(b, a apiproxy.Counts) bool { return a.Late > b.Late }),
	between("it is partitioned from the controller", apiproxy.Faults{Partitioned: true}, 10*time.Second,
		func(b, a apiproxy.Counts) bool { return a.Held > b.Held }),
	{"watches are cut again and again", func(t *testing.T, s *suite) {
		before := s.proxy.Counts()
		s.edit(t)
		for range 20 {
			s.proxy.CutWatches()
			time.Sleep(100 * time.Millisecond)
		}
		if after := s.proxy.Counts(); after.Cut == before.Cut {
			t.Error("there were no watches")
		}
	}},
	{"etcd is restored from a snapshot", func(t *testing.T, s *suite) {
		snapshot := filepath.Join(t.TempDir(), "snapshot")
		if err := s.Env.Cluster.Plane.SnapshotEtcd(snapshot); err != nil {
			t.Fatal(err)
		}
		before := s.want
		s.change(t)
		s.add(t, "made")
		s.drop(t, "old")
		s.settle(t)
		s.age(t, 3000)
		time.Sleep(6 * time.Second) // the controller looks at the resource version every five seconds; snapshots are older
		path := s.path
		// The controller hears of no error, after which it would list: its watches end, and go on at versions that the API
		// server does not have yet.
		s.proxy.Set(apiproxy.Faults{Partitioned: true})
		s.proxy.CutWatches()
		if err := s.Env.Cluster.Plane.RestoreEtcd(t.Context(), snapshot); err != nil {
			t.Fatal(err)
		}
		s.proxy.Set(apiproxy.Faults{})
		s.want = before
		s.former = path
		s.gone = without(s.gone, "made") // its load balancer is reported as an orphan, and stays
	}},
}

// TestFaultsOfTheAPIServerCauseNoWrongWrite shows that no fault of a real API server or etcd causes
// a wrong AWS write, and that edits reach AWS soon afterwards.
func TestFaultsOfTheAPIServerCauseNoWrongWrite(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for faults of the API server, each of up to ten seconds, and half a minute after each")
	}
	s := begin(t)
	var report []string
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			f.do(t, s)
			began := time.Now()
			s.settle(t)
			took := time.Since(began)
			report = append(report, fmt.Sprintf("%-50s %6.1f s", f.name, took.Seconds()))
			if took > recovery {
				t.Errorf("AWS had what the objects say after %v", took)
			}
			if all := s.wrong(); len(all) > 0 {
				t.Errorf("wrong writes:\n%s\nhistory:\n%s", strings.Join(all, "\n"), s.history.since(began.Add(-time.Minute)))
			}
		})
	}
	t.Logf("recovery:\n%s", strings.Join(report, "\n"))
	for _, name := range []string{"made", "old"} { // the first is an orphan otherwise, the latter was made anew
		if !slices.Contains(s.there, name) {
			s.add(t, name)
		}
		// one that goes before the controller has its finalizer on it leaves its load balancer behind
		s.IngressAddress(t, ns, name)
	}
	s.settle(t)
	s.Kubectl(t, "delete", "ingress", "-n", ns, "--all", "--timeout="+harness.Timeout.String())
	scene.WaitGone(t, s.Cluster, scene.Marks(ns)...)
	if all := s.wrong(); len(all) > 0 {
		t.Errorf("wrong writes at the end:\n%s", strings.Join(all, "\n"))
	}
	if n := len(s.Changes(s.began)); n < 50 {
		t.Errorf("%d writes were judged", n)
	}
}
