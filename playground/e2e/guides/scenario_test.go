package guides

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/trial"
)

// scenario is one row on the cluster.
type scenario struct {
	*row
	c        *harness.Cluster
	trial    *trial.Trial
	mark     uint64                       // a call from which on writes count
	defaults map[string]map[string]string // attributes of a new load balancer, by its type and scheme
}

func (s *scenario) path() string { return s.c.Repo.Example(filepath.Join("guides", s.file)) }

// kubectl works in clean-ups, too.
func (s *scenario) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := s.trial.Kubectl(context.WithoutCancel(t.Context()), args...)
	if err != nil {
		t.Errorf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// apply applies the file and sees to it that it goes with the test.
func (s *scenario) apply(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			s.c.EnsureController(t)
			if s.lift != nil {
				s.kubectl(t, "patch", "ingressclassparams", "dev-class-params", "--type=merge", "-p", unprotected)
			}
			s.kubectl(t, "delete", "-f", s.path(), "--ignore-not-found", "--timeout="+harness.Timeout.String())
		}
	})
	s.kubectl(t, "apply", "-f", s.path())
}

// refused applies a file of which something must be refused with these words.
func (s *scenario) refused(t *testing.T, path string, contains ...string) {
	t.Helper()
	out, err := s.trial.Kubectl(t.Context(), "apply", "-f", path)
	if err == nil {
		t.Fatalf("nothing of %s was refused:\n%s", path, out)
	}
	for _, text := range contains {
		if !strings.Contains(out+err.Error(), text) {
			t.Errorf("the message has no %q:\n%s%v", text, out, err)
		}
	}
}

// settled waits until everything is as in the row, and checks that there was no warning on the way.
func (s *scenario) settled(t *testing.T) {
	t.Helper()
	s.c.WaitFor(t, "the state of "+s.file, s.state)
	p, err := look(t.Context(), s.c, s.namespace)
	if err != nil {
		t.Fatal(err)
	}
	if w := p.warnings(s.warnings, s.passing); len(w) > 0 {
		t.Errorf("warned:\n  %s", strings.Join(w, "\n  "))
	}
}

// toldOff waits for what the row is right to be warned of; some of it is reported only when it has lasted.
func (s *scenario) toldOff(t *testing.T) {
	t.Helper()
	for _, reason := range s.warnings {
		s.c.WaitFor(t, "event "+reason, func(ctx context.Context) error {
			events, err := s.c.Client.CoreV1().Events(s.namespace).List(ctx, metav1.ListOptions{
				FieldSelector: "reason=" + reason})
			if err == nil && len(events.Items) == 0 {
				err = errors.New("no such warning")
			}
			return err
		})
	}
}

// state compares with the row.
func (s *scenario) state(ctx context.Context) error {
	p, err := look(ctx, s.c, s.namespace)
	if err != nil {
		return err
	}
	var ps problems
	want := len(s.bindings)
	for _, b := range s.balancers {
		ps = append(ps, b.check(p, s.namespace, s.defaults)...)
		want += len(b.groups)
	}
	for _, b := range s.bindings {
		ps = append(ps, b.check(p)...)
	}
	ps.same("number of bindings", len(p.bindings), want)
	return ps.err()
}

// host is the DNS name of a load balancer of the row.
func (s *scenario) host(t testing.TB, index int) string {
	t.Helper()
	p := picture{aws: s.c.Simulator.Resources()}
	lb, ok := p.loadBalancer(s.balancers[index].name)
	if !ok {
		t.Fatalf("there is no load balancer %s", s.balancers[index].name)
	}
	return lb.DNSName
}

// requests makes the row's requests.
func (s *scenario) requests(t *testing.T) {
	t.Helper()
	for _, a := range s.asks {
		name := a.lb
		if name == "" {
			name = s.balancers[a.balancer].name
		}
		lb, ok := (&picture{aws: s.c.Simulator.Resources()}).loadBalancer(name)
		if !ok {
			t.Fatalf("there is no load balancer %s", name)
		}
		if err := s.ask(t.Context(), a, lb); err != nil {
			t.Errorf("%s, port %d: %v", a.url, a.port, err)
		}
	}
	if s.more != nil {
		s.more(t, s)
	}
}

// get sends the request of an ask to a load balancer.
func (s *scenario) get(ctx context.Context, a ask, host string) (harness.Response, error) {
	u, err := url.Parse(a.url)
	if err != nil {
		return harness.Response{}, err
	}
	name := u.Host
	if u.Host = host; a.port != 0 {
		u.Host = fmt.Sprintf("%s:%d", host, a.port)
	}
	return s.c.Get(ctx, u.String(), name, a.headers...)
}

func (s *scenario) ask(ctx context.Context, a ask, lb simclient.LoadBalancer) error {
	r, err := s.get(ctx, a, lb.DNSName)
	if a.status == 0 {
		if err == nil {
			return fmt.Errorf("answered %d, want no connection", r.Status)
		}
		if !strings.Contains(err.Error(), "connection refused") {
			return fmt.Errorf("want a refused connection: %w", err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	var ps problems
	ps.same("status", r.Status, a.status)
	if a.service != "" {
		ps.same("service", r.Pod.Service, a.service)
	}
	if a.body != "" {
		ps.same("body", r.Body, a.body)
	}
	if a.certificate != "" {
		ps.same("certificate", r.TLS, []string{a.certificate})
	}
	if a.location != "" {
		ps.same("location", r.Header.Get("Location"), a.location)
	}
	u, err := url.Parse(a.url)
	if err != nil {
		return err
	}
	switch {
	case a.service != "":
		path, _, _ := strings.Cut(r.Pod.Path, "?") // the path of the image echo-basic has the query too
		ps.same("path and query that the pod saw", path+"?"+r.Pod.Query, u.EscapedPath()+"?"+u.RawQuery)
		sent := u.Host
		if lb.Type == "application" && a.port != 0 && a.port != 80 && a.port != 443 { // which an ALB adds
			sent = fmt.Sprintf("%s:%d", sent, a.port)
		}
		if lb.Type == "application" { // which sends names in lower case
			sent = strings.ToLower(sent)
		}
		ps.same("Host that the pod saw", r.Pod.Host, sent)
		forwarded(&ps, r, lb, u.Scheme, a.port)
	case r.Status == 404:
		ps.same("answer 404", []string{r.Body, r.Header.Get("Server")}, []string{"", "awselb/2.0"})
		if !strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") {
			ps.add("content type %q", r.Header.Get("Content-Type"))
		}
	}
	return ps.err()
}

// forwarded checks the headers about the client that an ALB sends to pods, and that an NLB sends none.
func forwarded(ps *problems, r harness.Response, lb simclient.LoadBalancer, scheme string, port int) {
	h := r.Pod.Headers
	if lb.Type == "network" {
		for name := range h {
			if strings.HasPrefix(name, "X-Forwarded-") {
				ps.add("an NLB added the header %s", name)
			}
		}
		return
	}
	if port == 0 {
		port = map[string]int{"http": 80, "https": 443}[scheme]
	}
	ps.same("X-Forwarded-Proto, -Port", []string{h.Get("X-Forwarded-Proto"), h.Get("X-Forwarded-Port")},
		[]string{scheme, fmt.Sprint(port)})
	if h.Get("X-Forwarded-For") == "" || h.Get("X-Amzn-Trace-Id") == "" {
		ps.add("X-Forwarded-For %q, X-Amzn-Trace-Id %q", h.Get("X-Forwarded-For"), h.Get("X-Amzn-Trace-Id"))
	}
}

// objects are the Ingresses and Services with load balancers, as "kind name".
func (s *scenario) objects() (all [][2]string) {
	for _, b := range s.balancers {
		for _, name := range b.objects {
			kind := "ingress"
			if b.nlb {
				kind = "service"
			}
			if b.gateway != nil {
				kind = "gateway"
			}
			all = append(all, [2]string{kind, name})
		}
	}
	for _, b := range s.bindings {
		all = append(all, [2]string{"targetgroupbinding", b.name})
	}
	return all
}

// touch edits what does not matter.
func (s *scenario) touch(t *testing.T) {
	t.Helper()
	for _, o := range s.objects() {
		s.kubectl(t, "label", o[0], o[1], "-n", s.namespace, "example.com/unrelated=label")
		s.kubectl(t, "annotate", o[0], o[1], "-n", s.namespace, "example.com/unrelated=annotation")
	}
}

// remove deletes the file in one go and waits for everything of it but its pods and the namespace.
func (s *scenario) remove(t *testing.T) {
	t.Helper()
	var hosts []string
	for i := range s.balancers {
		hosts = append(hosts, s.host(t, i))
	}
	last := s.watchServices(t)
	if s.lift != nil {
		s.lift(t, s)
	}
	s.kubectl(t, "delete", "-f", s.path(), "--ignore-not-found", "--wait=false")
	s.c.WaitFor(t, "the end of the objects of "+s.file, func(ctx context.Context) error {
		var ps problems
		ingresses, err := s.c.Client.NetworkingV1().Ingresses(s.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		services, err := s.c.Client.CoreV1().Services(s.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		bindings, err := bindingsIn(ctx, s.c, s.namespace)
		if err != nil {
			return err
		}
		for _, o := range ingresses.Items {
			ps.add("Ingress %s is still there", o.Name)
		}
		for _, o := range services.Items {
			ps.add("Service %s is still there", o.Name)
		}
		for _, o := range bindings {
			ps.add("TargetGroupBinding %s is still there", o.Name)
		}
		left, err := gatewaysIn(ctx, s.c, s.namespace)
		if err != nil {
			return err
		}
		left.gone(&ps, s.balancers)
		for _, h := range hosts {
			if addresses, err := s.c.Simulator.Resolve(h); err != nil || len(addresses) > 0 {
				ps.add("%s resolves to %v, %v", h, addresses, err)
			}
		}
		return ps.err()
	})
	last()
}

// watchServices watches the Services with load balancers to their end; the returned function demands that their status
// named none at last.
func (s *scenario) watchServices(t *testing.T) func() {
	t.Helper()
	var checks []func()
	for _, b := range s.balancers {
		if !b.nlb || b.gateway != nil {
			continue
		}
		w, err := s.c.Client.CoreV1().Services(s.namespace).Watch(t.Context(), metav1.ListOptions{
			FieldSelector: "metadata.name=" + b.objects[0]})
		if err != nil {
			t.Fatal(err)
		}
		checks = append(checks, func() {
			defer w.Stop()
			for {
				select {
				case e, ok := <-w.ResultChan():
					if !ok {
						t.Errorf("Service %s: the watch ended early", b.objects[0])
						return
					}
					if o, ok := e.Object.(*corev1.Service); ok && e.Type == watch.Deleted {
						if len(o.Status.LoadBalancer.Ingress) > 0 {
							t.Errorf("Service %s went with the status %v", o.Name, o.Status.LoadBalancer.Ingress)
						}
						return
					}
				case <-t.Context().Done():
					return
				}
			}
		})
	}
	return func() {
		for _, check := range checks {
			check()
		}
	}
}

// gone waits until the namespace is gone, so that the file can be applied again.
func (s *scenario) gone(t *testing.T) {
	t.Helper()
	if s.namespace == "" {
		return
	}
	s.c.WaitFor(t, "the end of namespace "+s.namespace, func(ctx context.Context) error {
		_, err := s.c.Client.CoreV1().Namespaces().Get(ctx, s.namespace, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err == nil {
			err = errors.New("it is still there")
		}
		return err
	})
}

// shortWait is long enough for what comes at once, if it comes.
const shortWait = 300 * time.Millisecond
