package chart

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"helm.sh/helm/v4/pkg/strvals"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/hack/pages"
)

// chartOfThePages is how commands of the pages name the chart.
const chartOfThePages = "charts/aws-load-balancer-controller"

// helmOptions are the flags of Helm that the pages use.
type helmOptions struct {
	set, setString, files []string
}

// helmFlags are commands of Helm with the flags that the pages may use of each.
var helmFlags = map[string]func(*pflag.FlagSet, *helmOptions){
	"install":    valueFlags,
	"upgrade":    valueFlags,
	"template":   valueFlags,
	"get values": func(f *pflag.FlagSet, _ *helmOptions) { f.StringP("output", "o", "", "") },
	"repo add":   func(*pflag.FlagSet, *helmOptions) {},
	"repo":       func(*pflag.FlagSet, *helmOptions) {}, // repo update
	"list":       func(*pflag.FlagSet, *helmOptions) {},
	"history":    func(*pflag.FlagSet, *helmOptions) {},
	"rollback":   func(f *pflag.FlagSet, _ *helmOptions) { f.Bool("force-conflicts", false, "") },
	"uninstall":  func(*pflag.FlagSet, *helmOptions) {},
}

func valueFlags(f *pflag.FlagSet, o *helmOptions) {
	f.StringArrayVar(&o.set, "set", nil, "")
	f.StringArrayVar(&o.setString, "set-string", nil, "")
	f.StringArrayVarP(&o.files, "values", "f", nil, "")
	f.String("version", "", "")
	f.BoolP("install", "i", false, "")
	f.Bool("reuse-values", false, "")
	f.Bool("take-ownership", false, "")
	f.Bool("create-namespace", false, "")
	f.Bool("wait", false, "")
}

// TestHelmCommandsOfThePagesRender also holds the values that a page shows as a file to the chart.
func TestHelmCommandsOfThePagesRender(t *testing.T) {
	t.Parallel()
	c := load(t)
	repository := os.DirFS("../..")
	all, err := pages.Read(repository)
	if err != nil {
		t.Fatal(err)
	}
	commands, err := pages.Commands(repository, "helm")
	if err != nil {
		t.Fatal(err)
	}
	rendered := 0
	for _, command := range commands {
		if len(command.Arguments) == 0 {
			continue
		}
		o, rest, err := parseHelm(command.Arguments)
		if err != nil {
			t.Errorf("%s: %v", command, err)
			continue
		}
		if !slices.Contains(rest, chartOfThePages) {
			continue
		}
		v, err := o.values(all[command.Page])
		if err == nil {
			_, err = c.Render(v, Release{Name: "aws-load-balancer-controller", Namespace: "kube-system"})
		}
		if err != nil {
			t.Errorf("%s: %v", command, err)
		}
		rendered++
	}
	if rendered < 3 {
		t.Errorf("%d of %d commands install the chart", rendered, len(commands))
	}
}

func parseHelm(arguments []string) (o helmOptions, rest []string, err error) {
	for _, words := range []int{2, 1} {
		if len(arguments) < words {
			continue
		}
		add, ok := helmFlags[strings.Join(arguments[:words], " ")]
		if !ok {
			continue
		}
		f := pflag.NewFlagSet("helm "+strings.Join(arguments[:words], " "), pflag.ContinueOnError)
		f.Usage = func() {}
		f.StringP("namespace", "n", "", "")
		add(f, &o)
		err := f.Parse(arguments[words:])
		return o, f.Args(), err
	}
	return o, nil, fmt.Errorf("helm %s is not known here: add it to helmFlags", arguments[0])
}

// values are those that a command of a page sets. A file that the page does not show is one of the reader's own.
func (o helmOptions) values(page string) (map[string]any, error) {
	values := map[string]any{"clusterName": "demo-cluster"}
	for _, file := range o.files {
		for _, b := range pages.Blocks(page) {
			if b.File() != file {
				continue
			}
			more := map[string]any{}
			if err := yaml.Unmarshal([]byte(b.Text), &more); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			values = Merge(values, more)
		}
	}
	for _, s := range o.set {
		if err := strvals.ParseInto(s, values); err != nil {
			return nil, err
		}
	}
	for _, s := range o.setString {
		if err := strvals.ParseIntoString(s, values); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func TestAHelmCommandThatTheChartRefusesIsAnError(t *testing.T) {
	t.Parallel()
	c := load(t)
	page := "```yaml\n# values.yaml\nreplicaCuont: 1\n```\n"
	for command, want := range map[string]string{
		"install x " + chartOfThePages + " --set regin=x":  "unknown value regin",
		"upgrade x " + chartOfThePages + " -f values.yaml": "unknown value replicaCuont",
		"upgrade x " + chartOfThePages + " --reuse-valeus": "unknown flag: --reuse-valeus",
		"instal x": "helm instal is not known here",
		"install x " + chartOfThePages + " --set region=us-west-2": "",
	} {
		o, _, err := parseHelm(strings.Fields(command))
		if err == nil {
			var v map[string]any
			if v, err = o.values(page); err == nil {
				_, err = c.Render(v, Release{Name: "x", Namespace: "kube-system"})
			}
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", command, err, want)
		}
	}
}
