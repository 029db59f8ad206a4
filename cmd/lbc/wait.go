package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

const waitHelp = `Wait until the newest version of an object is in effect in AWS, or until the object and its AWS resources are deleted.

--for current (the default) compares the version that the controller has applied with the object.
kubectl wait --for=condition=Ready can succeed too early, because the condition stays True for up to
a second after an edit; lbc wait cannot. Edits of annotations count like edits of the spec. KIND is
ingress, service, gateway, a route (httproute, grpcroute, tcproute, udproute, tlsroute),
listenerset, targetgroupbinding, globalaccelerator, or loadbalancer (lb), which waits for all
members of the load balancer. After an edit of what a member refers to, such as class parameters, a
Service or a Secret, wait for the loadbalancer, because the member itself has no newer version.

--for deleted waits for an object that is being deleted. The controller's finalizer keeps the object
until its AWS resources are deleted.

The command ends at once if waiting cannot help: the object does not exist, the controller does not
manage the object, the controller or AWS refuses an edit, a permission is missing, or a limit is
reached. The message says what to do. Progress is on standard error. The command also ends, within
ten seconds, if no controller updates the object: nobody has renewed the Lease of the leader for two
minutes, or the existing controller holds the Lease and writes no LoadBalancer objects. This check
needs the right to get the Lease.

The cluster is the one of $KUBECONFIG or ~/.kube/config, like kubectl. The flags of the controller
come from its Deployment. The user needs the rights to get the object and the objects that it names,
and to list loadbalancers.elbv2.k8s.aws. lbc does not call AWS.

Exit status: 0 success; 1 error, also if the object does not exist or is not managed; 2 the object
is refused, and the cause is on standard error; 5 timeout.`

const waitExample = `  # After an edit, in a pipeline
  kubectl apply -f shop.yaml
  lbc wait ingress/shop -n web --timeout 5m

  # The whole group of an Ingress
  lbc wait lb/group-front -n web

  lbc wait httproute/cart -n web
  kubectl delete service echo --wait=false && lbc wait service/echo --for deleted`

// loadBalancerNames are the names of LoadBalancer objects on the command line.
var loadBalancerNames = []string{"loadbalancer", "loadbalancers", "lb"}

const (
	// loadBalancerKind is the kind of the objects in which the controller shows what is in effect.
	loadBalancerKind objects.Kind = "LoadBalancer"
	// waitPause is the pause between two looks.
	waitPause = 500 * time.Millisecond

	forCurrent = "current"
	forDeleted = "deleted"
)

// lasting are the classes of findings that last until somebody acts.
var lasting = []diag.Class{diag.Invalid, diag.Conflict, diag.NotFound, diag.Denied, diag.Quota}

type waitOptions struct {
	inputs
	goal    string
	timeout time.Duration
}

func waitCommand() *cobra.Command {
	var o waitOptions
	cmd := &cobra.Command{
		Use:     "wait KIND/NAME [--for current|deleted]",
		Short:   "Wait until the newest version of an object is in effect in AWS, or the object is gone",
		Long:    waitHelp,
		Example: waitExample,
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return o.complete(cmd, args), cobra.ShellCompDirectiveNoFileComp
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.namespace, "namespace", "n", "", "namespace of the object; default: the namespace of the context")
	f.StringVar(&o.goal, "for", forCurrent, "what to wait for: current or deleted")
	f.DurationVar(&o.timeout, "timeout", 10*time.Minute, "how long to wait")
	o.reach.flags(f)
	o.command, o.commandLine = cmd, f
	controllerFlags(f, &o.config, map[string]string{"kubeconfig": "cluster of the object; default: $KUBECONFIG, " +
		"~/.kube/config"})
	_ = cmd.RegisterFlagCompletionFunc("namespace", o.completeNamespaces)
	_ = cmd.RegisterFlagCompletionFunc("context", o.completeContexts)
	_ = cmd.RegisterFlagCompletionFunc("for", cobra.FixedCompletions([]string{forCurrent, forDeleted},
		cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (o *waitOptions) run(ctx context.Context, args []string, out, errOut io.Writer) error {
	switch {
	case o.goal != forCurrent && o.goal != forDeleted:
		return fmt.Errorf("--for %s: write current or deleted", o.goal)
	case o.timeout <= 0:
		return fmt.Errorf("--timeout %s: must be more than 0", o.timeout)
	}
	kind, name, k, err := o.target(args)
	if err != nil {
		return err
	}
	if o.goal == forCurrent {
		if err := o.settings(ctx, k, errOut); err != nil {
			fmt.Fprintf(errOut, "lbc: warning: %v\n", err)
		}
	}
	w := newWaiter(k, &o.config, kind, name, *o)
	return w.wait(ctx, out, errOut, func(ctx context.Context, pause time.Duration) { _ = sleep.For(ctx, pause) })
}

// target is the object that the arguments name, and a client of its cluster.
func (i *inputs) target(args []string) (objects.Kind, client.ObjectKey, client.Client, error) {
	kind, name, err := objectOf(args)
	if err != nil {
		return "", client.ObjectKey{}, nil, err
	}
	rc, namespace, err := i.reach.config(i.config.Kubeconfig)
	if err != nil {
		return "", client.ObjectKey{}, nil, err
	}
	if before, rest, ok := strings.Cut(name, "/"); ok {
		namespace, name = before, rest
	} else if i.namespace != "" {
		namespace = i.namespace
	}
	k, err := clientOf(rc)
	return kind, client.ObjectKey{Namespace: namespace, Name: name}, k, err
}

// objectOf are the kind and the name of the arguments: KIND/NAME, KIND NAME or KIND NAMESPACE/NAME.
func objectOf(args []string) (objects.Kind, string, error) {
	word, name, _ := strings.Cut(args[0], "/")
	if len(args) == 2 {
		word, name = args[0], args[1]
	}
	kind, ok := explained(word)
	if slices.Contains(loadBalancerNames, strings.ToLower(word)) {
		kind, ok = loadBalancerKind, true
	}
	switch {
	case !ok:
		return "", "", fmt.Errorf("lbc does not support the kind %q here; write %s", word,
			list(append(kindNames(), loadBalancerNames[0])))
	case name == "" || strings.HasSuffix(name, "/") || strings.HasPrefix(name, "/"):
		return "", "", fmt.Errorf("%q is not the name of an object: write KIND/NAME, such as ingress/shop",
			strings.Join(args, " "))
	}
	return kind, name, nil
}

// complete returns the completions: kinds, then the names of objects.
func (o *waitOptions) complete(cmd *cobra.Command, args []string) []string {
	if len(args) == 0 {
		return append(kindNames(), loadBalancerNames[0])
	}
	e := explainOptions{inputs: o.inputs}
	return e.complete(cmd, args)
}

// verdict is what one look at an object came to. Without done and ends, it waits.
type verdict struct {
	done bool  // the state is reached
	ends error // waiting cannot change it
	text string
}

func waits(format string, args ...any) verdict { return verdict{text: fmt.Sprintf(format, args...)} }

func ends(format string, args ...any) verdict { return verdict{ends: fmt.Errorf(format, args...)} }

// unacceptable is the error of an object whose edit is refused.
type unacceptable struct{ text string }

func (r unacceptable) Error() string { return r.text }

func refused(format string, args ...any) verdict {
	return verdict{ends: unacceptable{fmt.Sprintf(format, args...)}}
}

// wait looks at the object until the state is reached, cannot be reached, or the timeout is over.
func (w *waiter) wait(ctx context.Context, out, errOut io.Writer, pause func(context.Context, time.Duration)) error {
	limited, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	said := ""
	for {
		v := w.steady(w.attendedOr(limited, w.look(limited)))
		var no unacceptable
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case v.done:
			fmt.Fprintln(out, v.text)
			return nil
		case limited.Err() != nil:
			fmt.Fprintf(errOut, "lbc: %s is not %s after %s: %s. lbc doctor shows whether a controller runs; lbc explain "+
				"shows more about the object.\n", w, w.goal, w.timeout, said)
			return exitTimeout
		case errors.As(v.ends, &no):
			fmt.Fprintf(errOut, "lbc: %s\n", no.text)
			return exitInvalid
		case v.ends != nil:
			return v.ends
		case v.text != said:
			fmt.Fprintf(errOut, "lbc: %s: %s\n", w, v.text)
			said = v.text
		}
		pause(limited, waitPause)
	}
}

// cannotRead is the verdict on something that cannot be read: the API server may come back, rights and kinds do not.
func cannotRead(what string, err error) verdict {
	if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || meta.IsNoMatchError(err) {
		return ends("reading %s: %w", what, err)
	}
	return waits("the API server does not answer: %v", err)
}

// look looks once.
func (w *waiter) look(ctx context.Context) verdict {
	o, err := w.read(ctx, w.kind, w.name)
	switch {
	case apierrors.IsNotFound(err) && w.goal == forDeleted:
		return verdict{done: true, text: w.String() + " is gone"}
	case apierrors.IsNotFound(err) && w.kind == loadBalancerKind:
		return ends("%s does not exist: kubectl get lb -n %s lists the existing ones. If you have just created the object, "+
			"wait for the object itself", w, w.name.Namespace)
	case apierrors.IsNotFound(err):
		return ends("%s does not exist: create it, or choose its namespace with -n", w)
	case meta.IsNoMatchError(err):
		return ends("the cluster has no kind %s: install its definition", w.kind)
	case err != nil:
		return cannotRead(w.String(), err)
	case w.goal == forDeleted:
		return w.deleted(ctx, o)
	case o.GetDeletionTimestamp() != nil:
		return ends("%s is being deleted: lbc wait --for deleted waits for its end", w)
	}
	return w.current(ctx, o)
}

// deleted is the verdict on an object that exists and is to go.
func (w *waiter) deleted(ctx context.Context, o client.Object) verdict {
	switch {
	case w.uid != "" && w.uid != string(o.GetUID()):
		return verdict{done: true, text: w.String() + " is gone, and another object has its name"}
	case o.GetDeletionTimestamp() == nil && w.kind != loadBalancerKind:
		return ends("%s is not being deleted: delete it first", w)
	}
	w.uid = string(o.GetUID())
	if cause := doctor.DeletionCause(o); cause != "" && o.GetDeletionTimestamp() != nil {
		return stuckBy(w.String(), cause)
	}
	all, err := w.loadBalancers(ctx)
	if err != nil {
		return waits("its finalizers are %s", strings.Join(o.GetFinalizers(), ", "))
	}
	for i := range all {
		if v, ok := w.judge(all[i].Status.Findings, referenceTo(w.kind, o)); ok {
			return v
		}
	}
	return waits("AWS resources are being deleted; its finalizers are %s", strings.Join(o.GetFinalizers(), ", "))
}

// stuckBy is the verdict on a deleted object that shows why it stays. The text ends with the code of the cause: in a
// namespace that is being deleted, nothing else tells its class.
func stuckBy(name, cause string) verdict {
	code := strings.TrimSuffix(cause[strings.LastIndex(cause, "[")+1:], "]")
	if info, ok := diag.Lookup(diag.Code(code)); ok && slices.Contains(lasting, info.Class) {
		return refused("%s: %s", name, cause)
	}
	return waits("%s", cause)
}

// judge is the verdict that the findings about an object lead to. ok is false if there are none that hold it up.
func (w *waiter) judge(findings []v1alpha1.Finding, o v1alpha1.ObjectReference) (v verdict, ok bool) {
	for _, f := range findings {
		if f.Object != o {
			continue
		}
		text := f.Message
		if f.Field != "" && !strings.Contains(text, f.Field) {
			text = f.Field + ": " + text
		}
		switch c := diag.Class(f.Class); {
		case slices.Contains(lasting, c), c == diag.Note && f.Code == string(diag.DryRun):
			return refused("%s: %s", titleOf(o), text), true
		case c != diag.Note:
			v, ok = waits("%s", text), true
		}
	}
	return v, ok
}

// read reads one object.
func (w *waiter) read(ctx context.Context, kind objects.Kind, name client.ObjectKey) (client.Object, error) {
	if kind == loadBalancerKind {
		o := &v1alpha1.LoadBalancer{}
		return o, w.kube.Get(ctx, name, o)
	}
	return readObject(ctx, w.kube, kind, name)
}

// readObject reads one object of a kind that the controller reads.
func readObject(ctx context.Context, k client.Reader, kind objects.Kind, name client.ObjectKey) (client.Object, error) {
	known, ok := readable.Kinds[kind]
	if !ok {
		return nil, fmt.Errorf("%s cannot be read", kind)
	}
	o, ok := known.Object.DeepCopyObject().(client.Object)
	if !ok {
		return nil, fmt.Errorf("%s cannot be read", kind)
	}
	return o, k.Get(ctx, name, o)
}

func (w *waiter) String() string {
	return titleOf(v1alpha1.ObjectReference{Kind: string(w.kind), Namespace: w.name.Namespace, Name: w.name.Name})
}

func titleOf(o v1alpha1.ObjectReference) string {
	return diag.Object{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}.String()
}

func referenceTo(kind objects.Kind, o metav1.Object) v1alpha1.ObjectReference {
	return v1alpha1.ObjectReference{Kind: string(kind), Namespace: o.GetNamespace(), Name: o.GetName()}
}
