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
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/cmd/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/config"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/inventory"
	"github.com/k8s-lbc/lbc/internal/manifest"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// inputHelp is how every command that looks at objects finds them.
const inputHelp = `Objects come from files (-f, also directories and - for standard input), from a cluster (--kubeconfig), or from both: then the
files count over what the cluster has.

What AWS holds comes from an account file (--account: one that awssim reads, or a recording that lbc record made), else with
--kubeconfig from the account that your AWS credentials give (AWS_ENDPOINT_URL points it elsewhere), else from the simulator's
own account.

Without a cluster, IngressClass alb exists as the chart installs it, and namespaces are taken to exist. Target groups' names
contain the UIDs and node ports of Services, which a cluster has yet to give: expect other ones than are shown.

Every flag of the controller is accepted too, so that the answer is that of a controller started like yours, such as
--default-target-type=ip or --strict-groups.`

// inputs are the flags that say where objects and AWS's answers come from.
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

// controllerFlags adds the controller's flags; those that the command is about are shown, in its own words.
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

// source is where objects and AWS's answers come from.
type source struct {
	snapshot  objects.Snapshot
	reader    objects.Reader // the snapshot, and Secrets of the cluster that somebody asks for
	fromFiles []placed
	clients   cloud.Clients
	inventory *inventory.Inventory
	live      bool // the account is there now, and not a file
	builtIn   bool // the account is the simulator's own
	close     func()
}

// open reads all that is asked for. The caller closes the source.
func (i *inputs) open(ctx context.Context, errOut io.Writer, in io.Reader) (*source, error) {
	s, err := i.objects(ctx, errOut, in)
	if err != nil {
		return nil, err
	}
	if err := i.connect(ctx, s); err != nil {
		return nil, err
	}
	if err := i.config.Validate(); err != nil {
		s.close()
		return nil, err
	}
	scope := inventory.FromFlags(&i.config)
	scope.Now, scope.Patience = time.Now, time.Minute
	s.inventory = inventory.New(s.clients, scope)
	return s, nil
}

// objects reads files and cluster.
func (i *inputs) objects(ctx context.Context, errOut io.Writer, in io.Reader) (*source, error) {
	if len(i.files) == 0 && i.config.Kubeconfig == "" {
		return nil, errors.New("no objects: give manifests with -f, or a cluster with --kubeconfig")
	}
	fromFiles, err := i.read(errOut, in)
	if err != nil {
		return nil, err
	}
	s := &source{snapshot: objects.Snapshot{}, fromFiles: fromFiles}
	s.reader = s.snapshot
	objs := make([]metav1.Object, 0, len(fromFiles))
	for _, p := range fromFiles {
		objs = append(objs, p.object)
	}
	if i.config.Kubeconfig != "" {
		snapshot, secret, err := cluster(ctx, i.config.Kubeconfig)
		if err != nil {
			return nil, err
		}
		s.snapshot, s.reader = snapshot, &secretReader{Snapshot: snapshot, read: secret}
		adopt(s.snapshot, objs)
	} else {
		s.snapshot.Put(chartClass())
	}
	manifest.FillIn(objs)
	for _, o := range objs {
		s.snapshot.Put(o)
	}
	return s, nil
}

// bindings are those that exist for a stack.
func (s *source) bindings(kubeconfig string) func(stack.Key) []elb.Binding {
	if kubeconfig == "" {
		return func(stack.Key) []elb.Binding { return nil }
	}
	return bindingsOf(s.snapshot)
}

// chartClass is the IngressClass that the chart installs; a file may bring its own of that name.
func chartClass() *networkingv1.IngressClass {
	return &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: networkingv1.IngressClassSpec{Controller: ingress.Controller}}
}

// concerning admits the stacks that objects from files belong to.
func concerning(v *objects.View, c *config.Config, objs []placed) func(stack.Key) bool {
	want := map[stack.Key]bool{}
	for _, x := range objs {
		for _, k := range offline.KeysOf(v, c, x.object) {
			want[k] = true
		}
	}
	return func(k stack.Key) bool { return want[k] }
}

// plans makes the plans that are asked for: all, or with a cluster and files those that the files concern.
func (i *inputs) plans(ctx context.Context, s *source) (offline.Outcome, error) {
	v := objects.New(s.reader)
	only := func(stack.Key) bool { return true }
	if len(s.fromFiles) > 0 && i.config.Kubeconfig != "" {
		only = concerning(v, &i.config, s.fromFiles)
	}
	return offline.Plans(ctx, v, only, s.inventory, &i.config, s.bindings(i.config.Kubeconfig))
}

func (i *inputs) read(errOut io.Writer, in io.Reader) ([]placed, error) {
	paths, err := i.paths()
	if err != nil {
		return nil, err
	}
	var all []placed
	for _, p := range paths {
		objs, err := i.readOne(p, errOut, in)
		if err != nil {
			return nil, err
		}
		all = append(all, objs...)
	}
	return all, nil
}

// paths are the files to read: those that are named, and those of the directories that are.
func (i *inputs) paths() ([]string, error) {
	var all []string
	for _, name := range i.files {
		info, err := os.Stat(name)
		if err != nil || !info.IsDir() {
			all = append(all, name) // reading it tells what is wrong
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
		if len(inside) == 0 { // or else a check of nothing would pass
			return nil, fmt.Errorf("directory %s has no manifests (*.yaml, *.yml, *.json); directories in it are not looked at", name)
		}
		slices.Sort(inside)
		all = append(all, inside...)
	}
	return all, nil
}

func (i *inputs) readOne(path string, errOut io.Writer, in io.Reader) ([]placed, error) {
	var content []byte
	var err error
	if path == "-" {
		content, err = io.ReadAll(in)
	} else {
		content, err = os.ReadFile(path) //nolint:gosec // the user names the file
	}
	if err != nil {
		return nil, err
	}
	objs, skipped, err := manifest.Decode(content, i.namespace)
	var malformed *manifest.MalformedError
	switch {
	case errors.As(err, &malformed) && malformed.Line > 0:
		return nil, fmt.Errorf("%s:%d: %w", path, malformed.Line, err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(objs) == 0 && len(skipped) > 0 {
		fmt.Fprintf(errOut, "lbc: %s has nothing that a load balancer depends on (%s)\n", path, strings.Join(skipped, ", ")) //nolint:errcheck // a hint
	}
	return place(path, content, i.namespace, objs), nil
}

// tellOfQuarantine says what this command cannot know of a cluster with invalid objects.
func (i *inputs) tellOfQuarantine(errOut io.Writer) {
	if i.config.Kubeconfig != "" {
		fmt.Fprintln(errOut, "\nlbc: this is what the objects say now; a running controller keeps the last good version of an object that became invalid, which only it knows") //nolint:errcheck // a hint
	}
}
