package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/servicepods"
	"github.com/k8s-lbc/lbc/internal/controller/settings/inventoryscope"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// inputHelp is the part of the help of every command that reads objects.
const inputHelp = `Objects are read from files (-f, also directories and - for standard input), from a cluster, or from both; objects in files then override
those of the cluster. Without -f, the cluster is that of $KUBECONFIG or ~/.kube/config and of its current context, as for kubectl; with -f
alone no cluster is contacted, unless --kubeconfig, --context or --as names one. As kubectl lbc, plan and explain read that cluster
beside the files, too, as kubectl diff does, unless --account is given.

Cluster name, region, VPC and all flags of the controller are read from the controller's Deployment in the cluster; flags of the command
line win.

The state of AWS is read from an account file (--account: an account of awssim, or a recording made by lbc record), else with
a cluster from the account of your AWS credentials (AWS_ENDPOINT_URL selects another endpoint), else from the simulator's
built-in account.

Without a cluster, IngressClass alb exists as the chart installs it, all namespaces exist, and a GatewayClass that is in none of the
files is one of the controller that chooses the type of the load balancer by the listeners. The names of target groups
contain the UIDs and node ports of Services, which the cluster assigns, so that the names in the cluster will differ.

All flags of the controller, such as --default-target-type=ip or --strict-groups, are accepted; without a Deployment, set those that your
controller runs with.`

// inputs are the flags for the sources of objects and of the state of AWS.
type inputs struct {
	files     []string
	account   string
	reach     reach
	namespace string // empty until the context of the cluster is known, if it is to be that of the context
	// allNamespaces: nothing is limited to the namespace.
	allNamespaces bool
	// filesOnly: a cluster is read only if a flag names it.
	filesOnly bool
	// former: manifests may be of versions of Ingresses that no cluster serves any more.
	former bool
	// besideCluster: as a plugin of kubectl, files are read beside the cluster.
	besideCluster bool
	// simulated: the account is never that of the cluster.
	simulated bool
	// namesOnly: objects are read for their names, so that the controller's flags do not matter.
	namesOnly bool
	// ownFlags: no flag is taken from the controller's Deployment.
	ownFlags    bool
	command     *cobra.Command
	commandLine *pflag.FlagSet
	config      config.Config
}

// flags declares them on a command.
func (i *inputs) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVarP(&i.files, "filename", "f", nil, "file or directory with manifests, - for standard input; may be repeated")
	f.StringVar(&i.account, "account", "", "account file or recording; default: the cluster's account, or the simulator's built-in one")
	f.StringVarP(&i.namespace, "namespace", "n", "", "namespace of what is read, and of objects in files that name none; default: that of the context, without a cluster default")
	i.reach.flags(f)
	i.command, i.commandLine = cmd, f
	controllerFlags(f, &i.config, map[string]string{
		"kubeconfig":   "cluster to read objects from; default: $KUBECONFIG, ~/.kube/config; with -f none",
		"cluster-name": "name of the cluster; default: that of the controller's Deployment, or of the account file",
		"aws-region":   "region of the account; default: that of the Deployment, your environment or the nodes",
		"aws-vpc-id":   "VPC of the cluster; default: that of the Deployment or the nodes, or of the account file",
	})
	_ = cmd.RegisterFlagCompletionFunc("namespace", i.completeNamespaces)
	_ = cmd.RegisterFlagCompletionFunc("context", i.completeContexts)
	_ = cmd.MarkFlagFilename("filename", "yaml", "yml", "json")
	_ = cmd.MarkFlagFilename("account", "yaml", "yml", "json")
}

// allFlag declares the flag for all namespaces, on commands that read a cluster without files.
func (i *inputs) allFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&i.allNamespaces, "all-namespaces", "A", false, "read all namespaces of the cluster, not only one")
}

// controllerFlags adds the controller's flags; only those in shown are visible, with the usage given there.
func controllerFlags(f *pflag.FlagSet, c *config.Config, shown map[string]string) {
	config.FlagSet(c).VisitAll(func(x *pflag.Flag) {
		usage, ok := shown[x.Name]
		x.Hidden = !ok
		if ok {
			x.Usage = usage
		}
		f.AddFlag(x)
	})
}

// source is the source of objects and of the state of AWS.
type source struct {
	snapshot  objects.Snapshot
	reader    objects.Reader // the snapshot, and Secrets of the cluster as they are needed
	cluster   offline.Cluster
	kube      client.Reader // nil = no cluster is read
	fromFiles []placed
	unread    []unread // objects of the files whose kinds are not read
	broken    []broken // files that are left out
	// assumedClasses are findings about GatewayClasses that are in none of the files.
	assumedClasses []finding
	clients        awsclient.Clients
	inventory      *inventory.Inventory
	live           bool // the account is in AWS, not in a file
	recorded       bool // the account is a recording
	builtIn        bool // the account is the simulator's built-in one
	close          func()
}

// open reads the inputs. The caller closes the source.
func (i *inputs) open(ctx context.Context, errOut io.Writer, in io.Reader) (*source, error) {
	s, err := i.objects(ctx, errOut, in)
	if err != nil {
		return nil, err
	}
	if err := i.connected(ctx, s); err != nil {
		return nil, err
	}
	return s, nil
}

// connected completes a source by the account.
func (i *inputs) connected(ctx context.Context, s *source) error {
	if err := i.connect(ctx, s); err != nil {
		return err
	}
	if err := i.config.Validate(); err != nil {
		s.close()
		return err
	}
	if err := i.vpcExists(ctx, s); err != nil {
		s.close()
		return err
	}
	scope := inventoryscope.Of(&i.config)
	scope.Now, scope.AddOnTimeout = time.Now, time.Minute
	s.inventory = inventory.New(s.clients, scope)
	return nil
}

// objects reads files and cluster.
func (i *inputs) objects(ctx context.Context, errOut io.Writer, in io.Reader) (*source, error) {
	if i.given("cluster-name") && i.config.ClusterName == "" {
		return nil, errors.New("--cluster-name is empty: name the cluster, or omit the flag to take the name from the controller's Deployment or the account file")
	}
	rc, err := i.cluster()
	if err != nil {
		return nil, err
	}
	fromFiles, skipped, unreadable, err := i.read(in)
	if err != nil {
		return nil, err
	}
	sayUnread(errOut, skipped)
	s := &source{snapshot: objects.Snapshot{}, fromFiles: fromFiles, unread: skipped, broken: unreadable}
	s.reader = s.snapshot
	objs := make([]metav1.Object, 0, len(fromFiles))
	for _, p := range fromFiles {
		objs = append(objs, p.object)
	}
	if i.fromCluster() {
		snapshot, k, err := cluster(ctx, rc)
		if err != nil {
			return nil, err
		}
		if !i.namesOnly && !i.ownFlags {
			if err := i.settings(ctx, k, errOut); err != nil {
				return nil, err
			}
		}
		if warning := otherName(ctx, k, i.config.ClusterName); warning != "" {
			fmt.Fprintln(errOut, "lbc: warning:", warning) //nolint:errcheck // a hint
		}
		s.snapshot, s.reader = snapshot, &liveReader{Snapshot: snapshot, read: func(namespace, name string) (*corev1.Secret, error) {
			secret := &corev1.Secret{}
			return secret, k.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, secret)
		}, pod: func(svc *corev1.Service) (*corev1.Pod, error) { return servicepods.Read(ctx, k, svc) }}
		s.kube, s.cluster = k, shownBy(k, snapshot, &i.config)
		for i := range s.fromFiles {
			s.fromFiles[i].former = s.former(s.fromFiles[i].object)
		}
		adopt(s.snapshot, objs)
	} else {
		s.snapshot.Put(chartClass())
	}
	manifest.FillIn(objs)
	for _, o := range objs {
		s.snapshot.Put(o)
	}
	if !i.fromCluster() {
		s.assumedClasses = assumeGatewayClasses(s, &i.config)
	}
	return s, nil
}

// fromCluster reports whether a cluster is read: the one that a flag names, or, where there are no files, the one that kubectl would use.
func (i *inputs) fromCluster() bool {
	return i.config.Kubeconfig != "" || i.reach.given() || len(i.files) == 0 && !i.filesOnly || i.asKubectl()
}

// asKubectl reports whether files are read beside the cluster because lbc runs as a plugin of kubectl.
func (i *inputs) asKubectl() bool {
	return i.besideCluster && i.account == "" && i.command != nil && isPlugin(i.command.Root())
}

// cluster is how the cluster is reached; nil = none is read. It completes the namespace.
func (i *inputs) cluster() (*rest.Config, error) {
	if i.namespace != "" && i.allNamespaces {
		return nil, errors.New("--namespace and --all-namespaces exclude each other")
	}
	if !i.fromCluster() {
		i.namespace = cmp.Or(i.namespace, corev1.NamespaceDefault)
		return nil, nil
	}
	rc, namespace, err := i.reach.config(i.config.Kubeconfig)
	if errors.Is(err, errNoCluster) && len(i.files) == 0 {
		return nil, fmt.Errorf("no objects: name manifests with -f, or a cluster with --kubeconfig: %w", err)
	}
	if errors.Is(err, errNoCluster) {
		return nil, fmt.Errorf("%w; lbc %s -f, without kubectl, needs no cluster", err, i.command.Name())
	}
	i.namespace = cmp.Or(i.namespace, namespace)
	return rc, err
}

// chartClass is the IngressClass that the chart installs; one of that name in a file replaces it.
func chartClass() *networkingv1.IngressClass {
	return &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: networkingv1.IngressClassSpec{Controller: ingress.Controller}}
}

// former is the object of the cluster that one of a file takes the place of; nil if there is none.
func (s *source) former(o metav1.Object) metav1.Object {
	kind, _ := objects.KindOf(o)
	have, ok := s.snapshot.Get(kind, o.GetNamespace(), o.GetName())
	if !ok {
		return nil
	}
	return have
}

// concerning selects the stacks that objects from files belong to. A Gateway is concerned by everything that its load balancer is made of.
func concerning(reader objects.Reader, c *config.Config, objs []placed) func(stack.Key) bool {
	v := objects.New(reader)
	want := map[stack.Key]bool{}
	for _, x := range objs {
		for _, k := range offline.KeysOf(v, c, x.object) {
			want[k] = true
		}
	}
	changed := func(r objects.Read) bool {
		return slices.ContainsFunc(objs, func(x placed) bool {
			kind, _ := objects.KindOf(x.object)
			return r.Matches(objects.ChangeOf(kind, x.former, x.object))
		})
	}
	return func(k stack.Key) bool {
		return want[k] || owner.Of(k.Owner).Kind == string(objects.Gateway) && slices.ContainsFunc(offline.Reads(reader, c, k), changed)
	}
}

// limited reports whether only what belongs to one namespace is read: that of the context, or of -n.
func (i *inputs) limited() bool { return len(i.files) == 0 && i.fromCluster() && !i.allNamespaces }

// within selects the stacks that the objects of a namespace declare, be it with those of others.
func within(v *objects.View, s objects.Snapshot, c *config.Config, namespace string) func(stack.Key) bool {
	want := map[stack.Key]bool{}
	for _, k := range owner.Kinds {
		for _, o := range s.List(objects.Kind(k.Kind), namespace) {
			for _, key := range offline.KeysOf(v, c, o) {
				want[key] = true
			}
		}
	}
	return func(k stack.Key) bool { return want[k] }
}

// plans makes the plans of all stacks, or, with a cluster, of the stacks that the files concern or that the namespace declares.
func (i *inputs) plans(ctx context.Context, s *source) (offline.Outcome, error) {
	v := objects.New(s.reader)
	only := func(stack.Key) bool { return true }
	switch {
	case len(s.fromFiles) > 0 && i.fromCluster():
		only = concerning(s.reader, &i.config, s.fromFiles)
	case i.limited():
		only = within(v, s.snapshot, &i.config, i.namespace)
	}
	return offline.Plans(ctx, v, only, s.inventory, &i.config, s.cluster)
}

// broken is a file that cannot be read, or that has no Kubernetes objects.
type broken struct {
	file    string
	line    int // 0 = not known
	err     error
	foreign bool // it lies in a directory, among manifests, and is none
}

// allBroken: no file can be read.
type allBroken []broken

func (b allBroken) Error() string { return b[0].Error() }

func (b broken) Error() string {
	if b.line > 0 {
		return fmt.Sprintf("%s:%d: %v", b.file, b.line, b.err)
	}
	return fmt.Sprintf("%s: %v", b.file, b.err)
}

// sayBroken says which files are left out, and reports whether manifests are among them.
func (s *source) sayBroken(errOut io.Writer) (manifests bool) {
	for _, b := range s.broken {
		fmt.Fprintf(errOut, "lbc: %v; the file is left out\n", b) //nolint:errcheck // a hint
		manifests = manifests || !b.foreign
	}
	return manifests
}

// read reads the files. unreadable are those that are left out beside others.
func (i *inputs) read(in io.Reader) (all []placed, skipped []unread, unreadable []broken, err error) {
	paths, err := i.paths()
	if err != nil {
		return nil, nil, nil, err
	}
	readable := 0
	for _, p := range paths {
		objs, others, err := i.readOne(p, in)
		var b broken
		switch {
		case errors.As(err, &b):
			b.foreign = b.foreign && !slices.Contains(i.files, p)
			unreadable = append(unreadable, b)
			continue
		case err != nil:
			return nil, nil, nil, err
		}
		readable++
		all, skipped = append(all, objs...), append(skipped, others...)
	}
	if readable == 0 && len(unreadable) > 0 {
		return nil, nil, nil, allBroken(unreadable)
	}
	return all, skipped, unreadable, nil
}

// paths are the files to read: the named ones, and those in named directories.
func (i *inputs) paths() ([]string, error) {
	var all []string
	for _, name := range i.files {
		info, err := os.Stat(name)
		if err != nil || !info.IsDir() {
			all = append(all, name) // reading it returns the error
			continue
		}
		var inside []string
		for _, pattern := range []string{"*.yaml", "*.yml", "*.json"} {
			found, err := filepath.Glob(filepath.Join(name, pattern))
			if err != nil {
				return nil, err
			}
			inside = append(inside, found...)
		}
		if len(inside) == 0 { // a check of no files must not succeed
			return nil, fmt.Errorf("directory %s has no manifests (*.yaml, *.yml, *.json); its subdirectories are not searched", name)
		}
		slices.Sort(inside)
		all = append(all, inside...)
	}
	return all, nil
}

func (i *inputs) readOne(path string, in io.Reader) ([]placed, []unread, error) {
	var content []byte
	var err error
	if path == "-" {
		content, err = io.ReadAll(in)
	} else {
		content, err = os.ReadFile(path) //nolint:gosec // the user names the file
	}
	if err != nil {
		return nil, nil, err
	}
	decode := manifest.Decode
	if i.former {
		decode = manifest.DecodeFormer
	}
	objs, skipped, err := decode(content, i.namespace)
	var malformed *manifest.MalformedError
	if err != nil {
		b := broken{file: path, err: err, foreign: errors.Is(err, manifest.ErrForeign) && !hasKinds(content)}
		if errors.As(err, &malformed) {
			b.line = malformed.Line
		}
		return nil, nil, b
	}
	return place(path, content, i.namespace, objs), skippedOf(path, content, i.namespace, skipped), nil
}

// hasKinds reports whether an object in a text has a kind.
func hasKinds(content []byte) bool {
	for n := range nodesOf(content, "") {
		if n.kind != "" {
			return true
		}
	}
	return false
}

// skippedOf finds objects that were skipped, as "apiVersion kind namespace/name", in the text of their file.
func skippedOf(file string, content []byte, namespace string, skipped []string) (out []unread) {
	nodes := nodesOf(content, namespace)
	for _, what := range skipped {
		u := unread{what: what, file: file}
		if parts := strings.Fields(what); len(parts) == 3 {
			ns, n, ok := strings.Cut(parts[2], "/")
			if !ok {
				ns, n = namespace, parts[2]
			}
			if at := nodes[name{parts[1], ns, n}]; at != nil {
				u.line = at.Line
			}
		}
		out = append(out, u)
	}
	return out
}

// noteQuarantine notes that the last good versions of invalid objects are not known.
func (i *inputs) noteQuarantine(errOut io.Writer) {
	if i.fromCluster() {
		fmt.Fprintln(errOut, "\nlbc: the output is based on the present objects; a running controller uses the last good version of an invalid object, which lbc does not know") //nolint:errcheck // a hint
	}
}
