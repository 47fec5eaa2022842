package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/internal/bench"
	"faceproof/internal/eval"
)

// benchFlags are those of `faceproof bench`.
type benchFlags struct {
	portraits, pack, liveness, lang, mode string
	sessions, alone, parallel             int
	seed                                  uint64
}

// The values of bench --mode.
const (
	benchAll  = "all"
	benchFast = "fast"
	benchLive = "live"
)

// benchmark is the answer of `faceproof bench --json`.
type benchmark struct {
	Simulated bool              `json:"simulated"` // always: the sessions are filmed by computer
	Version   string            `json:"version"`
	Revision  string            `json:"revision,omitempty"`
	Machine   bench.Machine     `json:"machine"`
	Pack      string            `json:"pack"`
	Policy    string            `json:"policy"`
	Photos    int               `json:"photos"`     // of which sessions were filmed
	Takes     int               `json:"takes"`      // different sessions that were filmed
	RSSStart  int64             `json:"rss_start"`  // bytes, before the networks were opened
	RSSModels int64             `json:"rss_models"` // … and after
	One       *bench.Throughput `json:"one_at_a_time,omitempty"`
	All       *bench.Throughput `json:"all_cores,omitempty"`
	Alone     *bench.Live       `json:"alone,omitempty"`
	Together  *bench.Live       `json:"together,omitempty"`
}

func benchCommand(g *globals) *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast this machine verifies, and with how much memory",
		Long: "Films sessions of the portraits (simulated), then measures: the stages of the work and the\n" +
			"verifications a second when frames are always at hand (fast); and what persons before\n" +
			"cameras get, through the whole service in the time that sessions really take: how long the\n" +
			"answer takes after the last frame, with one session and with --parallel at once (live).\n" +
			"A quiet machine is needed for the times; times of the processor hold on a busy one too.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := runBench(cmd.Context(), g, &f)
			if err != nil {
				return err
			}
			return answer(g, b, func(w io.Writer) { writeBench(w, b, f.lang) })
		},
	}
	p := cmd.Flags()
	p.IntVar(&f.sessions, "sessions", 24, "sessions of each measurement")
	p.IntVar(&f.parallel, "parallel", 8, "persons before cameras at once")
	p.IntVar(&f.alone, "alone", 4, "sessions of one person alone (0: none)")
	p.StringVar(&f.portraits, "portraits", filepath.Join("models", "npm", "node_modules", "@vladmandic", "face-api", "demo"), "photos of the persons")
	p.StringVar(&f.pack, "pack", "", "model pack (the active one when empty)")
	p.StringVar(&f.liveness, "liveness", livenessUsual, livenessHelp)
	p.StringVar(&f.mode, "mode", benchAll, "fast, live or all")
	p.StringVar(&f.lang, "lang", langEn, "of the table: en or zh")
	p.Uint64Var(&f.seed, "seed", 1, "of the sessions")
	cmd.AddCommand(benchPhotosCommand(g))
	return cmd
}

// The values of --lang.
const (
	langEn = "en"
	langZh = "zh"
)

func checkLang(v string) error {
	if v != langEn && v != langZh {
		return faceproof.Errorf(faceproof.CodeInvalid, "--lang", "must be %s or %s", langEn, langZh)
	}
	return nil
}

func (f *benchFlags) check() error {
	if f.alone < 0 || f.alone > 1000 {
		return faceproof.Errorf(faceproof.CodeInvalid, "--alone", "must be from 0 to 1000")
	}
	for flag, n := range map[string]int{"--sessions": f.sessions, "--parallel": f.parallel} {
		if n < 1 || n > 1000 {
			return faceproof.Errorf(faceproof.CodeInvalid, flag, "must be from 1 to 1000")
		}
	}
	if f.mode != benchAll && f.mode != benchFast && f.mode != benchLive {
		return faceproof.Errorf(faceproof.CodeInvalid, "--mode", "must be %s, %s or %s", benchFast, benchLive, benchAll)
	}
	if err := checkLang(f.lang); err != nil {
		return err
	}
	return checkLiveness(f.liveness)
}

func runBench(ctx context.Context, g *globals, f *benchFlags) (*benchmark, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	v := versionOf(g.DataDir)
	b := &benchmark{Simulated: true, Version: v.Version, Revision: v.Revision + changed(), Machine: bench.ThisMachine(), RSSStart: bench.RSS()}
	warnBusy(g.Err, b.Machine)
	e, done, err := openEngine(g, f.pack)
	if err != nil {
		return nil, err
	}
	defer done()
	policy := policyOf(e.Pack(), f.liveness)
	b.Pack, b.Policy, b.RSSModels = e.Pack().ID, policy.ID, bench.RSS()
	portraits, _, err := eval.LoadPortraits(ctx, e, f.portraits, "all")
	if err != nil {
		return nil, err
	}
	takes := min(f.sessions, 8) // enough for the work of one to be that of another
	if f.mode != benchFast {
		takes = f.sessions + f.alone // a take that came before would be refused as a recording
	}
	cast, err := bench.Film(ctx, e, portraits, takes, f.seed, progress(g.Err, "sessions filmed"))
	if err != nil {
		return nil, err
	}
	portraits = nil // hundreds of megabytes that a server does not hold
	b.Photos, b.Takes = len(cast.Photos), len(cast.Takes)
	if f.mode != benchLive {
		if _, err := cast.Measure(ctx, e, policy, 1, 1); err != nil { // warms everything
			return nil, err
		}
		one, err := cast.Measure(ctx, e, policy, f.sessions, 1)
		if err != nil {
			return nil, err
		}
		all, err := cast.Measure(ctx, e, policy, f.sessions, runtime.GOMAXPROCS(0))
		if err != nil {
			return nil, err
		}
		b.One, b.All = &one, &all
	}
	if f.mode == benchFast {
		return b, nil
	}
	desk, closeDesk, err := openBenchDesk(ctx, e, policy, cast)
	if err != nil {
		return nil, err
	}
	defer closeDesk()
	together, err := desk.Play(ctx, cast.Takes[:f.sessions], f.parallel)
	if err != nil {
		return nil, err
	}
	b.Together = &together
	if f.alone > 0 {
		alone, err := desk.Play(ctx, cast.Takes[f.sessions:], 1)
		b.Alone = &alone
		return b, err
	}
	return b, nil
}

func warnBusy(w io.Writer, m bench.Machine) {
	if m.Busy {
		fmt.Fprintf(w, "warning: the load is %.1f on %d cores: others are working, and times by the clock say little\n", m.Load, m.Cores)
	}
}

func benchPhotosCommand(g *globals) *cobra.Command {
	var pack, lang string
	var parallel int
	cmd := &cobra.Command{
		Use:   "photos DIR",
		Short: "Measure photos a second: find the faces, place and embed the largest",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if parallel < 1 || parallel > 1000 {
				return faceproof.Errorf(faceproof.CodeInvalid, "--parallel", "must be from 1 to 1000")
			}
			if err := checkLang(lang); err != nil {
				return err
			}
			b, err := benchPhotos(cmd.Context(), g, args[0], pack, parallel)
			if err != nil {
				return err
			}
			return answer(g, b, func(w io.Writer) { writeBenchPhotos(w, b, lang) })
		},
	}
	cmd.Flags().StringVar(&pack, "pack", "", "model pack (the active one when empty)")
	cmd.Flags().IntVar(&parallel, "parallel", 1, "photos at once")
	cmd.Flags().StringVar(&lang, "lang", langEn, "of the table: en or zh")
	return cmd
}

// photoBenchmark is the answer of `faceproof bench photos --json`.
type photoBenchmark struct {
	Tool     string        `json:"tool"` // "faceproof"
	Version  string        `json:"version"`
	Revision string        `json:"revision,omitempty"`
	Machine  bench.Machine `json:"machine"`
	Pack     string        `json:"pack"`
	RSS      int64         `json:"rss"` // bytes, at the end
	bench.Photos
}

func benchPhotos(ctx context.Context, g *globals, dir, pack string, parallel int) (*photoBenchmark, error) {
	files, err := bench.ListPhotos(dir)
	if err != nil {
		return nil, err
	}
	v := versionOf(g.DataDir)
	b := &photoBenchmark{Tool: "faceproof", Version: v.Version, Revision: v.Revision + changed(), Machine: bench.ThisMachine()}
	warnBusy(g.Err, b.Machine)
	e, done, err := openEngine(g, pack)
	if err != nil {
		return nil, err
	}
	defer done()
	b.Pack = e.Pack().ID
	b.Photos, err = bench.MeasurePhotos(ctx, e, files, parallel)
	b.RSS = bench.RSS()
	return b, err
}

// benchWords are those of the tables.
var benchWords = map[string][2]string{
	"fast":      {"frames always at hand (simulated)", "帧随取随用（模拟）"},
	"live":      {"in the time that sessions take (simulated)", "按会话的真实节奏（模拟）"},
	"persecond": {"verifications/s", "次核验/秒"},
	"percore":   {"… per core used", "……每个核"},
	"cpu":       {"processor, ms each", "每次处理器毫秒"},
	"alloc":     {"allocated, MB each", "每次分配 MB"},
	"stage":     {"stage", "阶段"},
	"times":     {"times a session", "每会话次数"},
	"median":    {"median, ms", "中位数 ms"},
	"total":     {"ms a session", "每会话 ms"},
	"at once":   {"at once", "同时"},
	"sessions":  {"sessions", "会话数"},
	"verdict":   {"answer after the last frame, ms: median, 95 %, most", "末帧后出结果 ms：中位数、95 %、最大"},
	"cores":     {"cores used", "占用核数"},
	"rss":       {"memory MB: before, peak, living a session", "内存 MB：之前、峰值、每会话存活"},
	"outcome":   {"first attempt", "首次尝试"},
	"photos":    {"photos", "照片"},
	"photosps":  {"photos/s", "张/秒"},
}

func benchWord(lang, key string) string {
	if lang == langZh {
		return benchWords[key][1]
	}
	return benchWords[key][0]
}

const mb = 1e6

func writeBench(w io.Writer, b *benchmark, lang string) {
	word := func(key string) string { return benchWord(lang, key) }
	writeMachine(w, b.Machine, b.Pack)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	defer t.Flush()
	if b.One != nil {
		fmt.Fprintf(t, "\n%s\n%s\t%s\t%s\t%s\t%s\n", word("fast"), word("at once"), word("persecond"), word("percore"), word("cpu"), word("alloc"))
		for _, m := range []*bench.Throughput{b.One, b.All} {
			fmt.Fprintf(t, "%d\t%.2f\t%.2f\t%.0f\t%.1f\n", m.Parallel, m.PerSecond, m.PerCore, m.CPUMS, float64(m.AllocBytes)/mb)
		}
		writeStages(t, b.One.Stages, word)
	}
	if b.Together != nil {
		fmt.Fprintf(t, "\n%s\n%s\t%s\t%s\t%s\t%s\t%s\n", word("live"), word("at once"), word("sessions"), word("verdict"), word("cores"), word("rss"), word("outcome"))
		for _, m := range []*bench.Live{b.Alone, b.Together} {
			if m == nil {
				continue
			}
			v := m.Verdict
			fmt.Fprintf(t, "%d\t%d\t%.0f, %.0f, %.0f\t%.2f\t%.0f, %.0f, %.1f\t%v\n", m.Parallel, m.Sessions, v.P50, v.P95, v.Max, m.Cores,
				float64(m.RSSBefore)/mb, float64(m.RSSPeak)/mb, float64(m.LiveSession)/mb, m.Outcomes)
		}
		writeStages(t, b.Together.Stages, word)
	}
}

func writeBenchPhotos(w io.Writer, b *photoBenchmark, lang string) {
	word := func(key string) string { return benchWord(lang, key) }
	writeMachine(w, b.Machine, b.Pack)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	defer t.Flush()
	fmt.Fprintf(t, "%s\t%s\t%s\t%s\n%d\t%d\t%.2f\t%.2f\n", word("photos"), word("at once"), word("photosps"), word("percore"), b.Photos.Photos, b.Parallel, b.PerSecond, b.PerCore)
	writeStages(t, b.Stages, word)
}

func writeMachine(w io.Writer, m bench.Machine, pack string) {
	fmt.Fprintf(w, "%s, %d × %s, %s, load %.1f; pack %s\n", m.CPU, m.Cores, m.Arch, m.Go, m.Load, pack)
}

func writeStages(w io.Writer, stages []bench.Stage, word func(string) string) {
	fmt.Fprintf(w, "\n%s\t%s\t%s\t%s\n", word("stage"), word("times"), word("median"), word("total"))
	for _, s := range stages {
		fmt.Fprintf(w, "%s\t%.1f\t%.2f\t%.1f\n", s.Name, s.Count, s.Each.P50, s.MS)
	}
}
