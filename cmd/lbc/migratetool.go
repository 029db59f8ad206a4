package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/kube/manifest"
)

// migrateTool is the name under which the program has the flags of the tool of that name.
const migrateTool = "lbc-migrate"

const migrateToolHelp = `Translate Ingresses into Gateways like lbc migrate, with the flags and exit codes of lbc-migrate.
lbc migrate --help describes the translation and the report.

Exit status: 0 success, also if there is no Ingress, or if a setting has no equivalent in a Gateway,
which the report says; 1 error.`

const migrateToolExample = `  lbc-migrate -f shop.yaml,blog.yaml
  lbc-migrate --input-dir manifests --split namespace --output-dir gateways
  lbc-migrate --from-cluster --namespaces shop --ingress-name front`

// toolOptions are the flags of lbc-migrate.
type toolOptions struct {
	migrateOptions
	named         []string
	inputDir      string
	fromCluster   bool
	allNamespaces bool
	kubeconfig    string
}

// migrateToolCommand is the program under the name lbc-migrate.
func migrateToolCommand() *cobra.Command {
	var o toolOptions
	cmd := &cobra.Command{
		Use: migrateTool, Short: "Translate Ingresses into Gateways", Long: migrateToolHelp, Example: migrateToolExample,
		Version: version,
		Args:    cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.translate(cmd.Flags().Changed, cmd.ErrOrStderr()); err != nil {
				return err
			}
			if len(o.files) == 0 && !o.fromCluster {
				_, err := fmt.Fprintln(cmd.ErrOrStderr(), noIngress)
				return err
			}
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), cmd.InOrStdin())
		},
	}
	f := cmd.Flags()
	o.command, o.commandLine = cmd, f
	config.FlagSet(&o.config).VisitAll(func(x *pflag.Flag) {
		if x.Hidden = true; x.Name != "kubeconfig" { // the tool's own takes its place
			f.AddFlag(x)
		}
	})
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "the cluster to read; default: $KUBECONFIG, then ~/.kube/config")
	f.StringSliceVarP(&o.named, "file", "f", nil, "files with manifests, separated by commas; may be repeated")
	f.StringVar(&o.inputDir, "input-dir", "", "directory with manifests, without its subdirectories")
	f.BoolVar(&o.fromCluster, "from-cluster", false, "read from the API server")
	f.StringSliceVar(&o.namespaces, "namespaces", nil,
		"namespaces to read from the cluster, separated by commas; default: all")
	f.BoolVar(&o.allNamespaces, "all-namespaces", false, "read all namespaces of the cluster")
	f.StringVar(&o.name, "ingress-name", "", "the only Ingress to translate, with one --namespaces")
	f.StringVar(&o.dir, "output-dir", "./gateway-output", "directory for the manifests")
	f.StringVar(&o.extension, "output-format", "yaml", "yaml or json")
	f.StringVar(&o.split, "split", "", "namespace: a file for each namespace")
	f.BoolVar(&o.dryRun, "dry-run", true, "annotate Gateways with gateway.k8s.aws/dry-run, so that the controller "+
		"only plans them")
	f.BoolVar(&o.overwrite, "overwrite", false, "replace files that exist")
	return cmd
}

// translate checks the flags in the order of the existing tool, and sets those of lbc migrate.
func (o *toolOptions) translate(given func(flag string) bool, errOut io.Writer) error {
	o.format, o.color, o.formats, o.namespace, o.lenient, o.from = "text", "never", []string{"text"}, "default",
		true, fromIngress
	fromFiles := len(o.named) > 0 || o.inputDir != ""
	switch {
	case !fromFiles && !o.fromCluster:
		return errors.New("must specify at least one of: --file (-f), --input-dir, or --from-cluster")
	case fromFiles && o.fromCluster:
		return errors.New("--from-cluster cannot be used with --file or --input-dir")
	}
	for _, flag := range []string{"namespaces", "all-namespaces", "ingress-name", "kubeconfig"} {
		if given(flag) && !o.fromCluster {
			return fmt.Errorf("--%s can only be used with --from-cluster", flag)
		}
	}
	switch {
	case len(o.namespaces) > 0 && o.allNamespaces:
		return errors.New("--namespaces and --all-namespaces are mutually exclusive")
	case strings.Contains(o.name, ","):
		return errors.New("--ingress-name accepts a single Ingress name")
	case o.name != "" && o.allNamespaces:
		return errors.New("--ingress-name and --all-namespaces are mutually exclusive")
	case o.name != "" && len(o.namespaces) != 1:
		return errors.New("--ingress-name requires exactly one --namespaces value")
	case o.fromCluster:
		var err error
		o.config.Kubeconfig, err = o.clusterFile()
		return err
	}
	if o.inputDir != "" {
		inside, err := manifestsIn(o.inputDir)
		if err != nil {
			return err
		}
		if o.files, err = o.ofKubernetes(inside, errOut); err != nil {
			return err
		}
	}
	o.files = append(o.files, o.named...)
	return nil
}

// clusterFile is --kubeconfig, else $KUBECONFIG, else the file in the home directory.
func (o *toolOptions) clusterFile() (string, error) {
	if o.kubeconfig != "" {
		return o.kubeconfig, nil
	}
	if f := os.Getenv("KUBECONFIG"); f != "" {
		return f, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("--kubeconfig: %w", err)
	}
	return filepath.Join(home, ".kube", "config"), nil
}

// manifestsIn are the files of a directory that may be manifests, sorted.
func manifestsIn(dir string) (out []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("--input-dir: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(e.Name()))) {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	return out, nil
}

// ofKubernetes are files without those that hold something else, which are named.
func (o *toolOptions) ofKubernetes(files []string, errOut io.Writer) (out []string, err error) {
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if _, _, err := manifest.Decode(content, o.namespace); errors.Is(err, manifest.ErrForeign) {
			fmt.Fprintf(errOut, "Skipping unrecognized resource in input: %s: %v\n", name, err)
			continue
		}
		out = append(out, name)
	}
	return out, nil
}

// complain prints an error under the name of the program.
func complain(w io.Writer, cmd *cobra.Command, err error) {
	fmt.Fprintf(w, "%s: %v\n", cmd.Name(), err)
}
