package companions

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/k8s-lbc/lbc/hack/pages"
	"github.com/k8s-lbc/lbc/internal/lib/longtest"
	"github.com/k8s-lbc/lbc/playground/cluster"
	"github.com/k8s-lbc/lbc/playground/kubectl"
)

// kubectlVariable has this test binary be kubectl.
const kubectlVariable = "LBC_COMPANIONS_KUBECTL"

// runKubectl is kubectl with the arguments of this process.
func runKubectl() int {
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	err := kubectl.Run(context.Background(), os.Getenv("KUBECONFIG"), filepath.Join(os.TempDir(), "kubectl"), streams,
		os.Args[1:]...)
	if exit := new(kubectl.ExitError); errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, exit)
		return exit.Code
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// eksctl makes what a user's eksctl makes in the cluster: a ServiceAccount, unless it is told to make the role only.
const eksctl = `#!/bin/sh
case " $* " in
*" iamserviceaccount "*" --role-only "*) ;;
*" iamserviceaccount "*) kubectl create serviceaccount -n kube-system aws-load-balancer-controller ;;
esac
`

// typist types commands of a page in a new cluster.
type typist struct {
	*testing.T
	directory string
	variables []string
}

// newTypist has Helm's own program, kubectl, and stand-ins of eksctl and of AWS's command line.
func newTypist(t *testing.T) *typist {
	t.Helper()
	programs := os.Getenv(directoryVariable)
	if programs == "" {
		t.Skip("run \"make companions\"")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // on a machine with much else to do
	defer cancel()
	c, err := cluster.Start(ctx, cluster.Options{Dir: t.TempDir(), OnlyAPI: true,
		Installation: []*unstructured.Unstructured{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	admin, err := c.Plane.AdminKubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	charts, err := filepath.Abs("../../../charts")
	if err != nil {
		t.Fatal(err)
	}
	directory, bin := t.TempDir(), t.TempDir()
	if err := os.Symlink(charts, filepath.Join(directory, "charts")); err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{"aws": "#!/bin/sh\n", "eksctl": eksctl,
		"kubectl": fmt.Sprintf("#!/bin/sh\n%s=1 exec %q \"$@\"\n", kubectlVariable, self)} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o700); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
	}
	return &typist{T: t, directory: directory, variables: append(os.Environ(), "KUBECONFIG="+admin,
		"PATH="+bin+":"+programs+":"+os.Getenv("PATH"), "HOME="+directory, "TMPDIR="+bin)}
}

// types runs commands in a shell, and returns what they print.
func (y *typist) types(commands string) (string, error) {
	shell := exec.CommandContext(y.Context(), "sh", "-ec", commands)
	shell.Dir, shell.Env = y.directory, y.variables
	out, err := shell.CombinedOutput()
	return string(out), err
}

// follows types the commands of a page in their order, after it has written the page's files.
func (y *typist) follows(page string) error {
	blocks := pages.Blocks(page)
	for _, b := range blocks {
		name, is := strings.CutPrefix(strings.SplitN(b.Text, "\n", 2)[0], "# ")
		if b.Language != "yaml" || !is {
			continue
		}
		if err := os.WriteFile(filepath.Join(y.directory, name), []byte(b.Text), 0o600); err != nil {
			return err
		}
	}
	for _, b := range blocks {
		if b.Language != "console" {
			continue
		}
		if out, err := y.types(b.Text); err != nil {
			return fmt.Errorf("line %d: %w\n%s%s", b.Line, err, b.Text, out)
		}
	}
	return nil
}

// TestCommandsOfTheInstallPageRunByHelm shows that a reader of install-eks.md can type its commands
// in their order, with Helm's own program.
func TestCommandsOfTheInstallPageRunByHelm(t *testing.T) {
	longtest.Long(t, "it needs the programs of make companions")
	page, err := os.ReadFile("../../../docs/tasks/install-eks.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("as written", func(t *testing.T) {
		y := newTypist(t)
		if err := y.follows(string(page)); err != nil {
			t.Fatal(err)
		}
		for _, tc := range []struct{ command, want string }{
			{"helm status $R", "STATUS: deployed\nREVISION: 2"},
			{"helm get values $R", "clusterName: demo-cluster"},
			{"kubectl get ingressclass alb -o jsonpath={.spec.controller}", "ingress.k8s.aws/alb"},
			{"kubectl get sa $R -o jsonpath={.metadata}", "role/aws-load-balancer-controller"},
			{"kubectl get deploy $R -o jsonpath={.spec}", "us-west-2.amazonaws.com/aws-load-balancer-controller:v0.1.0"},
			{"kubectl get crd targetgroupbindings.elbv2.k8s.aws -o jsonpath={.spec.names.kind}", "TargetGroupBinding"},
			{"helm rollback $R 1 && helm status $R", "STATUS: deployed\nREVISION: 3"},
			{"helm uninstall $R && helm list -A -q | wc -l | tr -d ' '", "uninstalled\n0"},
		} {
			out, err := y.types("export HELM_NAMESPACE=kube-system; R=aws-load-balancer-controller\n" +
				strings.ReplaceAll(tc.command, "kubectl get", "kubectl -n kube-system get"))
			if err != nil || !strings.Contains(out, tc.want) {
				t.Errorf("%s: %v\n%s\nwant %q", tc.command, err, out, tc.want)
			}
		}
	})
	t.Run("without the role only", func(t *testing.T) {
		y := newTypist(t)
		err := y.follows(strings.Replace(string(page), "--role-only", "", 1))
		if err == nil || !strings.Contains(err.Error(), "cannot be imported into the current release") {
			t.Errorf("Helm takes over an account that eksctl made: %v", err)
		}
	})
	t.Run("with the image of the existing controller", func(t *testing.T) {
		y := newTypist(t)
		err := y.follows(strings.Replace(string(page), "tag: v0.1.0", "tag: v2.14.1", 1))
		if err == nil || !strings.Contains(err.Error(), "image") {
			t.Errorf("Helm installs the existing controller's image: %v", err)
		}
	})
}
