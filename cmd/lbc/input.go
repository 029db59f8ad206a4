package main

import (
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
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/cmd/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/config"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/inventory"
	"github.com/k8s-lbc/lbc/internal/manifest"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/owner"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// inputHelp is the part of the help of every command that reads objects.
const inputHelp = `Objects are read from files (-f, also directories and - for standard input), from a cluster (--kubeconfig), or from both; objects in
files then override those of the cluster.

The state of AWS is read from an account file (--account: an account of awssim, or a recording made by lbc record), else with
--kubeconfig from the account of your AWS credentials (AWS_ENDPOINT_URL selects another endpoint), else from the simulator's
built-in account.

Without a cluster, IngressClass alb exists as the chart installs it, all namespaces exist, and a GatewayClass that is in none of the
files is one of the controller that chooses the type of the load balancer by the listeners. The names of target groups
contain the UIDs and node ports of Services, which the cluster assigns, so that the names in the cluster will differ.

All flags of the controller, such as --default-target-type=ip or --strict-groups, are accepted; set those that your controller
runs with.`

// inputs are the flags for the sources of objects and of the state of AWS.
type inputs struct {
	files     []string
	account   string
	namespace string
	// namespaceGiven: -n is on the command line.
	namespaceGiven bool
	config         config.Config
}

// flags declares them on a command.
func (i *inputs) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVarP(&i.files, "filename", "f", nil, "file or directory with manifests, - for standard input; may be repeated")
	f.StringVar(&i.account, "account", "", "account file or recording; default: the cluster's account, or the simulator's built-in one")
	f.StringVarP(&i.namespace, "namespace", "n", "default", "namespace of objects that name none")
	controllerFlags(f, &i.config, map[string]string{
		"kubeconfig":   "cluster to read objects from; its AWS account is that of your credentials",
		"cluster-name": "name of the cluster; default: that of the account file",
		"aws-region":   "region of the account; default: that of your environment",
		"aws-vpc-id":   "VPC of the cluster; default: that of the account file",
	})
	_ = cmd.MarkFlagFilename("filename", "yaml", "yml", "json")
	_ = cmd.MarkFlagFilename("account", "yaml", "yml", "json")
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
	fromFiles []placed
	unread    []unread // objects of the files whose kinds are not read
	// assumedClasses are findings about GatewayClasses that are in none of the files.
	assumedClasses []finding
	clients        cloud.Clients
	inventory      *inventory.Inventory
	live           bool // the account is in AWS, not in a file
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
	scope := inventory.FromFlags(&i.config)
	scope.Now, scope.AddOnTimeout = time.Now, time.Minute
	s.inventory = inventory.New(s.clients, scope)
	return nil
}

// objects reads files and cluster.
func (i *inputs) objects(ctx context.Context, errOut io.Writer, in io.Reader) (*source, error) {
	if len(i.files) == 0 && i.config.Kubeconfig == "" {
		return nil, errors.New("no objects: name manifests with -f, or a cluster with --kubeconfig")
	}
	fromFiles, skipped, err := i.read(errOut, in)
	if err != nil {
		return nil, err
	}
	s := &source{snapshot: objects.Snapshot{}, fromFiles: fromFiles, unread: skipped}
	s.reader = s.snapshot
	objs := make([]metav1.Object, 0, len(fromFiles))
	for _, p := range fromFiles {
		objs = append(objs, p.object)
	}
	if i.config.Kubeconfig != "" {
		snapshot, k, err := cluster(ctx, i.config.Kubeconfig)
		if err != nil {
			return nil, err
		}
		s.snapshot, s.reader = snapshot, &secretReader{Snapshot: snapshot, read: func(namespace, name string) (*corev1.Secret, error) {
			secret := &corev1.Secret{}
			return secret, k.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, secret)
		}}
		s.cluster = shownBy(k, snapshot, &i.config)
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
	if i.config.Kubeconfig == "" {
		s.assumedClasses = assumeGatewayClasses(s, &i.config)
	}
	return s, nil
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

// plans makes the plans of all stacks, or, with a cluster and files, of the stacks that the files concern.
func (i *inputs) plans(ctx context.Context, s *source) (offline.Outcome, error) {
	v := objects.New(s.reader)
	only := func(stack.Key) bool { return true }
	if len(s.fromFiles) > 0 && i.config.Kubeconfig != "" {
		only = concerning(s.reader, &i.config, s.fromFiles)
	}
	return offline.Plans(ctx, v, only, s.inventory, &i.config, s.cluster)
}

func (i *inputs) read(errOut io.Writer, in io.Reader) (all []placed, skipped []unread, err error) {
	paths, err := i.paths()
	if err != nil {
		return nil, nil, err
	}
	for _, p := range paths {
		objs, others, err := i.readOne(p, errOut, in)
		if err != nil {
			return nil, nil, err
		}
		all, skipped = append(all, objs...), append(skipped, others...)
	}
	return all, skipped, nil
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

func (i *inputs) readOne(path string, errOut io.Writer, in io.Reader) ([]placed, []unread, error) {
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
	objs, skipped, err := manifest.Decode(content, i.namespace)
	var malformed *manifest.MalformedError
	switch {
	case errors.As(err, &malformed) && malformed.Line > 0:
		return nil, nil, fmt.Errorf("%s:%d: %w", path, malformed.Line, err)
	case err != nil:
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(objs) == 0 && len(skipped) > 0 {
		fmt.Fprintf(errOut, "lbc: %s has no objects that a load balancer depends on (%s)\n", path, strings.Join(skipped, ", ")) //nolint:errcheck // a hint
	}
	return place(path, content, i.namespace, objs), skippedOf(path, content, i.namespace, skipped), nil
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
	if i.config.Kubeconfig != "" {
		fmt.Fprintln(errOut, "\nlbc: the output is based on the present objects; a running controller uses the last good version of an invalid object, which lbc does not know") //nolint:errcheck // a hint
	}
}
