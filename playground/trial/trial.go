// Package trial applies manifests to a running environment as a user would, waits until their load balancers answer,
// and deletes them again. It imports environment, verify and kubectl.
package trial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/dynamic"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
	"github.com/k8s-lbc/lbc/playground/curl"
	"github.com/k8s-lbc/lbc/playground/environment"
	"github.com/k8s-lbc/lbc/playground/kubectl"
	"github.com/k8s-lbc/lbc/playground/manifest"
	"github.com/k8s-lbc/lbc/playground/process"
	"github.com/k8s-lbc/lbc/playground/verify"
)

// Options of a trial.
type Options struct {
	CacheDir string        // of kubectl's discovery
	Timeout  time.Duration // of each wait; 0: two minutes
}

// Trial is a set of applied files.
type Trial struct {
	env       *environment.Environment
	options   Options
	transport *http.Transport
	dynamic   dynamic.Interface
	objects   []*unstructured.Unstructured
}

// New makes a trial without files.
func New(env *environment.Environment, o Options) (*Trial, error) {
	if o.Timeout == 0 {
		o.Timeout = 2 * time.Minute
	}
	ca, err := env.Simulator.CA()
	if err != nil {
		return nil, fmt.Errorf("the simulator's CA: %w", err)
	}
	transport, err := curl.Endpoints(env.Endpoints).Transport(ca)
	if err != nil {
		return nil, err
	}
	dyn, err := dynamic.NewForConfig(env.Cluster.Plane.AdminConfig())
	if err != nil {
		return nil, err
	}
	return &Trial{env: env, options: o, transport: transport, dynamic: dyn}, nil
}

// Kubectl runs kubectl with all rights and returns what it printed.
func (t *Trial) Kubectl(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &out}
	err := kubectl.Run(ctx, t.env.Kubeconfig, t.options.CacheDir, streams, args...)
	return out.String(), err
}

// Apply applies a file.
func (t *Trial) Apply(ctx context.Context, file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	objects, err := manifest.Parse(file, content)
	if err != nil {
		return err
	}
	if out, err := t.Kubectl(ctx, "apply", "-f", file); err != nil {
		return fmt.Errorf("apply %s: %w\n%s", file, err, out)
	}
	t.objects = append(t.objects, objects...)
	return nil
}

// Delete deletes the objects of files in one go and waits until they are gone.
func (t *Trial) Delete(ctx context.Context, files ...string) error {
	args := []string{"delete", "--ignore-not-found", "--timeout=" + t.options.Timeout.String()}
	for _, f := range files {
		args = append(args, "-f", f)
	}
	out, err := t.Kubectl(ctx, args...)
	if err != nil {
		return fmt.Errorf("delete %s: %w\n%s\n%s", strings.Join(files, ", "), err, out, t.Report(ctx))
	}
	return nil
}

// WaitAddresses returns when every Ingress and Service of the files that has a load balancer has an address, and every
// Gateway is programmed and its routes have a status. found, if not nil, is called once for each.
func (t *Trial) WaitAddresses(ctx context.Context, found func(object, host string)) error {
	seen := map[string]bool{}
	return t.wait(ctx, "an address", func(ctx context.Context) error {
		now, err := t.current(ctx)
		if err != nil {
			return err
		}
		var missing []string
		see := func(object, host string) {
			if !seen[object] && found != nil {
				found(object, host)
			}
			seen[object] = true
		}
		for _, i := range now.ingresses {
			if in := i.Status.LoadBalancer.Ingress; len(in) > 0 && in[0].Hostname != "" {
				see("Ingress "+i.Namespace+"/"+i.Name, in[0].Hostname)
			} else {
				missing = append(missing, "Ingress "+i.Namespace+"/"+i.Name+" has none")
			}
		}
		for _, s := range now.services {
			if in := s.Status.LoadBalancer.Ingress; len(in) > 0 && in[0].Hostname != "" {
				see("Service "+s.Namespace+"/"+s.Name, in[0].Hostname)
			} else {
				missing = append(missing, "Service "+s.Namespace+"/"+s.Name+" has none")
			}
		}
		for _, g := range now.gateways {
			if host, err := verify.Programmed(g); err == nil {
				see("Gateway "+g.Namespace+"/"+g.Name, host)
			} else {
				missing = append(missing, err.Error())
			}
		}
		for _, r := range now.routes {
			if _, err := verify.Judged(r, now.gateways); err != nil {
				missing = append(missing, err.Error())
			}
		}
		if len(missing) > 0 {
			return errors.New(strings.Join(missing, "; "))
		}
		return nil
	})
}

// Refused lists the conditions that listeners and routes of the applied Gateways do not meet; the rest of the Gateways
// serves.
func (t *Trial) Refused(ctx context.Context) ([]string, error) {
	now, err := t.current(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, g := range now.gateways {
		out = append(out, verify.Refused(g)...)
	}
	for _, r := range now.routes {
		refused, err := verify.Judged(r, now.gateways)
		if err != nil {
			return nil, err
		}
		out = append(out, refused...)
	}
	return out, nil
}

// WaitAnswers tries every request that the applied objects must answer until all answer as expected, and returns their
// number. tried, if not nil, is called for each success.
func (t *Trial) WaitAnswers(ctx context.Context, tried func(verify.Request)) (int, error) {
	requests, err := t.requests(ctx)
	if err != nil {
		return 0, err
	}
	for _, r := range requests {
		err := t.wait(ctx, fmt.Sprintf("%s: the answer to %s", r.Object, r), func(ctx context.Context) error {
			return verify.Try(ctx, t.transport, curl.Endpoints(t.env.Endpoints).Dial, r)
		})
		if err != nil {
			return 0, err
		}
		if tried != nil {
			tried(r)
		}
	}
	return len(requests), nil
}

// Settle waits, but not longer than d, until every load balancer is active and every target has a verdict on its
// health.
func (t *Trial) Settle(ctx context.Context, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	for {
		r := t.env.Simulator.Resources()
		settled := true
		for _, lb := range r.LoadBalancers {
			settled = settled && lb.State != "provisioning"
		}
		for _, tg := range r.TargetGroups {
			for _, target := range tg.Targets {
				settled = settled && target.State != "initial"
			}
		}
		if settled {
			return nil
		}
		if err := sleep.For(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// WaitLike returns when the account is as before; its error names what differs.
func (t *Trial) WaitLike(ctx context.Context, before simclient.Resources) error {
	return t.wait(ctx, "the account as it was before", func(ctx context.Context) error {
		after, err := t.env.AWS.Resources(ctx)
		if err != nil {
			return err
		}
		if d := verify.Difference(before, after); len(d) > 0 {
			return fmt.Errorf("the account differs:\n  %s", strings.Join(d, "\n  "))
		}
		return nil
	})
}

// requests lists what the applied objects must answer.
func (t *Trial) requests(ctx context.Context) ([]verify.Request, error) {
	now, err := t.current(ctx)
	if err != nil {
		return nil, err
	}
	var all []verify.Request
	for _, i := range now.ingresses {
		r, err := verify.OfIngress(i)
		if err != nil {
			return nil, err
		}
		all = append(all, r...)
	}
	for _, s := range now.services {
		pods, err := t.env.Cluster.Client.CoreV1().Pods(s.Namespace).List(ctx, metav1.ListOptions{
			LabelSelector: labelSelector(s.Spec.Selector)})
		if err != nil {
			return nil, fmt.Errorf("list the pods of Service %s/%s: %w", s.Namespace, s.Name, err)
		}
		r, err := verify.OfService(s, func(p corev1.ServicePort) bool { return speaksHTTP(p, pods.Items) })
		if err != nil {
			return nil, err
		}
		all = append(all, r...)
	}
	for _, g := range now.gateways {
		all = append(all, verify.OfGateway(g)...)
	}
	for _, r := range now.httpRoutes {
		all = append(all, verify.OfHTTPRoute(r, now.gateways)...)
	}
	return all, nil
}

// wait repeats f until it succeeds; the error of a wait that takes too long contains the report.
func (t *Trial) wait(ctx context.Context, what string, f func(context.Context) error) error {
	began := time.Now()
	bounded, cancel := context.WithTimeout(ctx, t.options.Timeout)
	defer cancel()
	err := Repeat(bounded, t.env.Failed, f)
	switch {
	case err == nil || bounded.Err() == nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("%s did not happen within %v: %w\n%s", what, time.Since(began).Round(time.Second), err,
		t.Report(ctx))
}

// Repeat repeats f until it succeeds, failed returns an error, or ctx ends. It returns the last error of f before that.
func Repeat(ctx context.Context, failed func() error, f func(context.Context) error) error {
	var last error
	for {
		err := f(ctx)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil { // the end of ctx is not the cause
			last = err
		}
		if err := failed(); err != nil {
			return errors.Join(err, last)
		}
		if sleep.For(ctx, 25*time.Millisecond) != nil {
			return last
		}
	}
}

// Report is what helps to find out why something did not happen: targets that are not healthy, Warning events, and
// without either the end of the controller's log.
func (t *Trial) Report(ctx context.Context) string {
	var b strings.Builder
	for _, tg := range t.env.Simulator.Resources().TargetGroups {
		for _, target := range tg.Targets {
			if target.State != "healthy" {
				fmt.Fprintf(&b, "Target %s:%d of target group %s is %s: %s\n", target.ID, target.Port, tg.Name, target.State,
					strings.TrimSpace(target.Reason+" "+target.Description))
			}
		}
	}
	events, err := t.env.Cluster.Client.CoreV1().Events("").List(ctx, metav1.ListOptions{FieldSelector: "type=Warning"})
	if err == nil && len(events.Items) > 0 {
		b.WriteString("Warning events:\n")
		for _, e := range events.Items {
			fmt.Fprintf(&b, "  %s %s/%s %s: %s\n", e.InvolvedObject.Kind, e.InvolvedObject.Namespace, e.InvolvedObject.Name,
				e.Reason, e.Message)
		}
	}
	path := t.env.LogPath("controller")
	if _, err := os.Stat(path); err == nil && b.Len() == 0 {
		fmt.Fprintf(&b, "The end of the controller's log (%s):\n%s\n", path, process.Tail(path, 15))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func labelSelector(selector map[string]string) string {
	return labels.SelectorFromSet(selector).String()
}

// speaksHTTP reports whether the container port behind a Service port is one of the HTTP stand-ins; a port that no
// container declares is not.
func speaksHTTP(p corev1.ServicePort, pods []corev1.Pod) bool {
	for _, pod := range pods {
		for _, c := range pod.Spec.Containers {
			for _, cp := range c.Ports {
				target := p.TargetPort
				if target.Type == intstr.Int && target.IntVal == 0 {
					target = intstr.FromInt32(p.Port)
				}
				if target.Type == intstr.Int && target.IntVal != cp.ContainerPort || target.Type == intstr.String &&
					target.StrVal != cp.Name {
					continue
				}
				return cp.Protocol != corev1.ProtocolUDP && !strings.HasPrefix(cp.Name, "tcp-") &&
					!strings.HasPrefix(cp.Name, "udp-")
			}
		}
	}
	return false
}
