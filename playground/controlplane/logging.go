package controlplane

import (
	"flag"
	"fmt"

	"k8s.io/klog/v2"

	"github.com/k8s-lbc/lbc/playground/process"
)

// takeLogs sends what goes through this process' klog (client libraries) to the end of a file: a user's terminal is for
// progress.
func takeLogs(path string) error {
	f, err := process.OpenLog(path)
	if err != nil {
		return err
	}
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	for name, value := range map[string]string{
		"logtostderr": "false", "stderrthreshold": "FATAL",
		"one_output": "true", // else an error is written once for each lower severity
	} {
		if err := flags.Set(name, value); err != nil {
			return fmt.Errorf("configure klog: %w", err)
		}
	}
	klog.SetOutput(f)
	return nil
}
