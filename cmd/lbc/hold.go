package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/user"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan/hold"
)

const holdHelp = `Stop the controller's writes to AWS for a time, for example during an incident of AWS. During a
hold, the controller registers and deregisters targets, opens readiness gates, and writes nothing
else to AWS: load balancers, listeners, rules, certificates and security groups do not change.
Deleted objects keep their finalizer. The hold ends at the time of --until, and the controller then
executes the waiting plans. Without flags, lbc hold lists the holds.

  --all        hold everything
  --namespace  hold the load balancers whose objects are all in this namespace; groups that other
               namespaces share are not on hold
  --stack      hold the load balancer of one object, KIND/NAMESPACE/NAME, with all objects of its
               group; kinds are ingress, service, gateway and globalaccelerator
  --end        end the hold of the same scope

The holds are in ConfigMap aws-lbc-holds of the controller's namespace. Users who may write it can
hold and release all load balancers.`

type holdOptions struct {
	outputs
	config    config.Config
	reach     reach
	all, end  bool
	namespace string
	stack     string
	until     string
	reason    string
}

// holdsDocument is the output of -o json and -o yaml. Its list is never null.
type holdsDocument struct {
	ConfigMap string     `json:"configMap"`
	Holds     []heldLine `json:"holds"`
	// Unreadable are entries of the ConfigMap that hold nothing, unless the controller remembers what they held before.
	Unreadable []unreadableHold `json:"unreadable,omitempty"`
}

type heldLine struct {
	Scope  string     `json:"scope"`
	Until  time.Time  `json:"until"`
	Since  *time.Time `json:"since,omitempty"`
	Ended  bool       `json:"ended,omitempty"`
	Reason string     `json:"reason"`
	By     string     `json:"by,omitempty"`
}

type unreadableHold struct {
	Key string `json:"key"`
	Why string `json:"why"`
}

func holdCommand() *cobra.Command {
	var o holdOptions
	cmd := &cobra.Command{
		Use:   "hold",
		Short: "Stop the controller's writes to AWS for a time, except for targets",
		Long:  holdHelp,
		Example: "  lbc hold\n  lbc hold --all --until 2h --reason 'incident of ELB in eu-west-1'\n  lbc hold --stack " +
			"ingress/shop/web --until 2026-12-01T06:00:00Z --reason 'sale'\n" +
			"  lbc hold --end --all",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	controllerFlags(f, &o.config, map[string]string{
		"kubeconfig":                "cluster of the controller; default: $KUBECONFIG, ~/.kube/config",
		"leader-election-namespace": "namespace of the controller; default: the namespace of its Deployment",
	})
	o.reach.flags(f)
	f.BoolVar(&o.all, "all", false, "hold all load balancers and accelerators")
	f.StringVarP(&o.namespace, "namespace", "n", "", "hold the load balancers whose objects are all in this namespace")
	f.StringVar(&o.stack, "stack", "", "hold the load balancer of an object, such as ingress/shop/web")
	f.StringVar(&o.until, "until", "", "end of the hold: a time such as 2026-12-01T06:00:00Z, or a duration from now "+
		"such as 2h; at most seven days")
	f.StringVar(&o.reason, "reason", "", "why; it is shown on the load balancers")
	f.BoolVar(&o.end, "end", false, "end the hold of --all, --namespace or --stack")
	cmd.MarkFlagsMutuallyExclusive("all", "namespace", "stack")
	cmd.MarkFlagsMutuallyExclusive("end", "until")
	cmd.MarkFlagsMutuallyExclusive("end", "reason")
	cmd.MarkFlagsRequiredTogether("until", "reason")
	o.flags(cmd, "text", "json", "yaml")
	return cmd
}

func (o *holdOptions) run(ctx context.Context, out io.Writer) error {
	if err := o.validate(); err != nil {
		return err
	}
	k, err := clusterClient(o.config.Kubeconfig, &o.reach)
	if err != nil {
		return err
	}
	return o.carryOut(ctx, k, time.Now(), out)
}

// carryOut sets, ends or lists holds.
func (o *holdOptions) carryOut(ctx context.Context, k client.Client, now time.Time, out io.Writer) error {
	scope, given, err := o.scope()
	if err != nil {
		return err
	}
	if given == (o.until == "" && !o.end) {
		return errors.New("to hold, set --until, --reason, and one of --all, --namespace and --stack; to end a hold, set " +
			"--end and the same scope; without flags, lbc hold lists the holds")
	}
	lease, err := elected(ctx, k, o.config.LeaderElectionNamespace)
	if err != nil {
		return err
	}
	at := client.ObjectKey{Namespace: lease.Namespace, Name: hold.ConfigMap}
	switch {
	case !given:
		return o.list(ctx, k, at, now, out)
	case o.end:
		text, err := finish(ctx, k, at, scope, now)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s: %s\n", scope, text)
		return err
	}
	h, err := o.hold(scope, now)
	if err != nil {
		return err
	}
	unread, err := checkHeld(ctx, k, scope)
	if err != nil {
		return err
	}
	err = change(ctx, k, at, func(data map[string]string) error {
		data[scope.Key()] = h.Value()
		return nil
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s: held %s\n%s%s%s", scope, h.Text(), concerns(ctx, k, scope), unread,
		unheeded(ctx, k, lease, now))
	return err
}

// unheeded says that no controller that knows holds leads now; empty = one does, or that is not known.
func unheeded(ctx context.Context, k client.Reader, lease client.ObjectKey, now time.Time) string {
	a := attendance{kube: k, now: func() time.Time { return now }, config: &config.Config{
		LeaderElectionNamespace: lease.Namespace, LeaderElectionID: lease.Name}}
	why, _ := a.missing(ctx, false)
	if why == "" {
		return ""
	}
	return fmt.Sprintf("No controller that reads holds leads now: %s. The hold has no effect until one does.\n", why)
}

// scope is what the flags name; given is false if they name nothing.
func (o *holdOptions) scope() (_ hold.Scope, given bool, err error) {
	switch {
	case o.all:
		return hold.Scope{}, true, nil
	case o.namespace != "":
		return hold.Scope{Namespace: o.namespace}, true, nil
	case o.stack != "":
		scope, err := hold.ParseStack(o.stack)
		if err != nil {
			err = fmt.Errorf("--stack: %w", err)
		}
		return scope, true, err
	}
	return hold.Scope{}, false, nil
}

// hold is the hold that the flags describe.
func (o *holdOptions) hold(scope hold.Scope, now time.Time) (hold.Hold, error) {
	until, err := time.Parse(time.RFC3339, o.until)
	if err != nil {
		d, err := time.ParseDuration(o.until)
		if err != nil {
			return hold.Hold{}, fmt.Errorf("--until %q is neither a time such as 2026-12-01T06:00:00Z nor a duration such as 2h",
				o.until)
		}
		until = now.Add(d)
	}
	until = until.UTC().Truncate(time.Second)
	switch {
	case !until.After(now):
		return hold.Hold{}, fmt.Errorf("--until %s is in the past; write a later time, or a duration such as 2h", o.until)
	case until.Sub(now) > hold.Longest:
		return hold.Hold{}, fmt.Errorf("--until %s is more than seven days from now; write an earlier time, and set "+
			"the hold again", o.until)
	case strings.TrimSpace(o.reason) == "":
		return hold.Hold{}, errors.New("--reason is empty; say why you hold")
	}
	h := hold.Hold{Scope: scope, Until: until, Since: now.UTC().Truncate(time.Second), Reason: o.reason, By: o.reach.as}
	if u, err := user.Current(); err == nil && h.By == "" {
		h.By = u.Username
	}
	return h, nil
}

// checkHeld refuses a scope whose namespace or object does not exist, since its hold would concern nothing. unread is a
// line for the user if that could not be read.
func checkHeld(ctx context.Context, k client.Reader, scope hold.Scope) (unread string, err error) {
	if scope.All() {
		return "", nil
	}
	kind, key := objects.Namespace, client.ObjectKey{Name: scope.Namespace}
	if scope.Kind != "" {
		kind, _ = explained(scope.Kind)
		key = client.ObjectKey{Namespace: scope.Namespace, Name: scope.Name}
	}
	switch _, err := readObject(ctx, k, kind, key); {
	case apierrors.IsNotFound(err):
		return "", fmt.Errorf("%s does not exist, so nothing would be held; correct the name", scope)
	case err != nil:
		return fmt.Sprintf("Whether %s exists is not known: %v\n", scope, err), nil
	}
	return "", nil
}

// finish ends a hold, and says whether others are in force.
func finish(ctx context.Context, k client.Client, at client.ObjectKey, scope hold.Scope,
	now time.Time) (string, error) {
	var others []string
	err := change(ctx, k, at, func(data map[string]string) error {
		if _, ok := data[scope.Key()]; !ok {
			return fmt.Errorf("no hold of %s exists; lbc hold lists the existing holds", scope)
		}
		delete(data, scope.Key())
		others = nil
		left, _ := hold.Parse(data)
		for _, h := range left {
			if h.Until.After(now) {
				others = append(others, h.Scope.String())
			}
		}
		return nil
	})
	if err != nil || len(others) == 0 {
		return "no longer held", err
	}
	return "this hold has ended; other holds are in force: " + diag.Some(others), nil
}

// change edits the ConfigMap with the holds, on its newest version.
func change(ctx context.Context, k client.Client, at client.ObjectKey, edit func(map[string]string) error) error {
	const tries = 5
	var err error
	for range tries {
		m := &corev1.ConfigMap{}
		write := func() error { return k.Update(ctx, m) }
		switch err = k.Get(ctx, at, m); {
		case apierrors.IsNotFound(err):
			m.ObjectMeta = metav1.ObjectMeta{Namespace: at.Namespace, Name: at.Name}
			write = func() error { return k.Create(ctx, m) }
		case err != nil:
			return fmt.Errorf("reading ConfigMap %s: %w", at, err)
		}
		if m.Data == nil {
			m.Data = map[string]string{}
		}
		if err := edit(m.Data); err != nil {
			return err
		}
		if err = write(); !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("writing ConfigMap %s, which only administrators may do: %w", at, err)
	}
	return nil
}

// list shows the holds.
func (o *holdOptions) list(ctx context.Context, k client.Reader, at client.ObjectKey, now time.Time,
	out io.Writer) error {
	m := &corev1.ConfigMap{}
	if err := k.Get(ctx, at, m); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("reading ConfigMap %s: %w", at, err)
	}
	d := holdsDocument{ConfigMap: at.String(), Holds: []heldLine{}}
	holds, problems := hold.Parse(m.Data)
	for _, h := range holds {
		line := heldLine{Scope: h.Scope.String(), Until: h.Until, Reason: h.Reason, By: h.By, Ended: !h.Until.After(now)}
		if !h.Since.IsZero() {
			line.Since = &h.Since
		}
		d.Holds = append(d.Holds, line)
	}
	for _, p := range problems {
		d.Unreadable = append(d.Unreadable, unreadableHold{p.Key, p.Text})
	}
	if o.format != "text" {
		return o.encode(out, holdsKind, d)
	}
	_, err := io.WriteString(out, d.text())
	return err
}

func (d holdsDocument) text() string {
	var b strings.Builder
	if len(d.Holds) == 0 {
		b.WriteString("Nothing is held.\n")
	} else {
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "HELD\tUNTIL\tBY\tREASON")
		for _, h := range d.Holds {
			until := h.Until.Format(time.RFC3339)
			if h.Ended {
				until += " (ended)"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", h.Scope, until, cmp.Or(h.By, "-"), h.Reason)
		}
		_ = w.Flush()
	}
	for _, u := range d.Unreadable {
		fmt.Fprintf(&b, "ConfigMap %s, key %s: %s. Write the entry with lbc hold, or remove it.\n", d.ConfigMap, u.Key, u.Why)
	}
	return b.String()
}

// concerns says which load balancers a hold does not concern although its user may think so: those that a namespace
// shares with others, and that there is none. It does not know accelerators.
func concerns(ctx context.Context, k client.Reader, scope hold.Scope) string {
	list := &v1alpha1.LoadBalancerList{}
	if scope.All() || scope.Kind == "globalaccelerator" || k.List(ctx, list) != nil {
		return "" // the kind is not served, or may not be read
	}
	of := func(m v1alpha1.Member) bool {
		return m.Namespace == scope.Namespace && (scope.Kind == "" || strings.EqualFold(m.Kind, scope.Kind) &&
			m.Name == scope.Name)
	}
	var shared []string
	known := false
	for i := range list.Items {
		members := list.Items[i].Status.Members
		if !slices.ContainsFunc(members, of) {
			continue
		}
		known = true
		if scope.Kind == "" && slices.ContainsFunc(members, func(m v1alpha1.Member) bool { return !of(m) }) {
			shared = append(shared, fmt.Sprintf("%s %s", list.Items[i].Status.Owner, list.Items[i].Status.Stack))
		}
	}
	switch {
	case !known:
		return "No load balancer of " + scope.String() + " is known now, so that the hold concerns none yet.\n"
	case len(shared) == 0:
		return ""
	}
	slices.Sort(shared)
	return "Not held, because other namespaces share it: " + strings.Join(shared, ", ") +
		". Hold it with --stack and one of its objects.\n"
}
