package chart

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/hack/pages"
)

// follower is somebody who types the commands of a page in their order.
type follower struct {
	chart    *Chart
	accounts map[string]bool // ServiceAccounts that something other than Helm has made
	release  map[string]any  // values of the release; nil: none is installed
}

// eksctl makes a ServiceAccount unless told not to.
func (f *follower) eksctl(arguments []string) {
	if len(arguments) < 2 || arguments[0] != "create" || arguments[1] != "iamserviceaccount" ||
		slices.Contains(arguments, "--role-only") {
		return
	}
	for i, a := range arguments {
		if a == "--name" && i+1 < len(arguments) {
			f.accounts[arguments[i+1]] = true
		}
	}
}

// helm installs or upgrades the release, and returns why Helm refuses it or what it resets.
func (f *follower) helm(arguments []string, page string) error {
	o, rest, err := parseHelm(arguments)
	if err != nil || !slices.Contains(rest, chartOfThePages) || slices.Contains(arguments, "--reuse-values") {
		return err
	}
	v, err := o.values(page)
	if err != nil {
		return err
	}
	rendered, err := f.chart.Render(v, Release{Upgrade: arguments[0] == "upgrade"})
	if err != nil {
		return err
	}
	for _, object := range rendered.Objects {
		if object.GetKind() == "ServiceAccount" && f.accounts[object.GetName()] {
			return fmt.Errorf("ServiceAccount %s exists and cannot be imported", object.GetName())
		}
	}
	if arguments[0] == "upgrade" {
		for _, p := range paths(f.release, "") {
			if value(lookUp(f.release, p)) != value(lookUp(v, p)) {
				return fmt.Errorf("the upgrade resets %s", p)
			}
		}
	}
	f.release = v
	return nil
}

// TestCommandsOfAPageWorkInTheirOrder follows each page that installs the chart: eksctl and Helm know nothing of what
// the reader means.
func TestCommandsOfAPageWorkInTheirOrder(t *testing.T) {
	t.Parallel()
	c := load(t)
	all, err := pages.Read(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	followed := 0
	for name, page := range all {
		if !strings.HasPrefix(name, "docs/tasks/install-") {
			continue
		}
		f := follower{chart: c, accounts: map[string]bool{}}
		for _, err := range f.follow(page) {
			t.Errorf("%s: %v", name, err)
		}
		followed++
	}
	if followed < 2 {
		t.Errorf("%d pages install the chart", followed)
	}
}

func (f *follower) follow(page string) (out []error) {
	for _, b := range pages.Blocks(page) {
		if b.Language != "console" {
			continue
		}
		commands, err := pages.Split(b.Text)
		if err != nil {
			return append(out, err)
		}
		for _, words := range commands {
			switch words[0] {
			case "eksctl":
				f.eksctl(words[1:])
			case "helm":
				if err := f.helm(words[1:], page); err != nil {
					out = append(out, fmt.Errorf("line %d: helm %s: %w", b.Line, strings.Join(words[1:], " "), err))
				}
			}
		}
	}
	return out
}

// TestCommandsInAWrongOrderAreFound shows what the follower of pages reports.
func TestCommandsInAWrongOrderAreFound(t *testing.T) {
	t.Parallel()
	c := load(t)
	const install = "helm install x " + chartOfThePages + " -f values.yaml\n"
	values := "```yaml\n# values.yaml\nclusterName: demo\nserviceAccount: {create: false, name: lbc}\n```\n"
	account := "eksctl create iamserviceaccount --name aws-load-balancer-controller --approve\n"
	for _, tc := range []struct{ commands, want string }{
		{install, ""},
		{install + "helm upgrade x " + chartOfThePages + " -f values.yaml\n", ""},
		{install + "helm upgrade x " + chartOfThePages + " --set clusterName=demo\n",
			"the upgrade resets serviceAccount.create"},
		{account + install, ""},
		{account + "helm install x " + chartOfThePages + " --set clusterName=demo\n",
			"ServiceAccount aws-load-balancer-controller exists and cannot be imported"},
		{strings.Replace(account, "--approve", "--role-only --approve", 1) + "helm install x " + chartOfThePages +
			" --set clusterName=demo\n", ""},
	} {
		f := follower{chart: c, accounts: map[string]bool{}}
		errs := f.follow(values + "```console\n" + tc.commands + "```\n")
		if tc.want == "" && len(errs) > 0 || tc.want != "" &&
			(len(errs) != 1 || !strings.Contains(errs[0].Error(), tc.want)) {
			t.Errorf("%s: %v, want %q", tc.commands, errs, tc.want)
		}
	}
}

// lookUp is the value at a dotted path of maps; names with dots are found as a whole.
func lookUp(v map[string]any, path string) any {
	if x, ok := v[path]; ok {
		return x
	}
	first, rest, _ := strings.Cut(path, ".")
	below, _ := v[first].(map[string]any)
	if below == nil || rest == "" {
		return nil
	}
	return lookUp(below, rest)
}
