//go:build !linux

package process

import "syscall"

// attributes: only Linux can tie the child's life to ours; elsewhere a killed playground may leave its controller
// behind.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
