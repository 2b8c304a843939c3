;; The averaging kernel: one pass over operands that lie in one memory. Lines that begin with `;;@`
;; write a block several times; scripts/assemble-kernel.js says how, and puts the assembled module
;; into kernel-bytes.ts. kernel-js.ts does the same roundings in the same order, so that results
;; agree bit for bit.
;;
;; Prefetchers follow a stream within its page only, so one stream keeps too few lines under way.
;; The averages walk eight stretches of 8 KiB side by side, half a line or a whole one of each at a
;; time, at constant offsets: out of cache 15 to 20 % less time than one stream, in cache as much.
;; The compensated ones, with three operands, walk two pages of each.
;;
;; Loops end on equality and not on order: the end of an operand may be 2^32, which wraps to 0.
(module
  (import "polyak" "memory" (memory 4))

  ;; How many bytes to walk side by side with as many behind them: half of the rest, in whole
  ;; vectors, at most a page.
  (func $half (param $rest i32) (param $mask i32) (result i32)
    (select
      (i32.const 4096)
      (i32.and (i32.shr_u (local.get $rest) (i32.const 1)) (local.get $mask))
      (i32.ge_u (local.get $rest) (i32.const 8192))))

  ;; average += weight * (live - average)
  ;;@ each bits vector shift size step: 32 f32x4 2 4 64, 64 f64x2 3 8 32
  (func (export "average{bits}")
    (param $average i32) (param $live i32) (param $count i32) (param $weight f{bits})
    (local $rest i32) (local $stop i32) (local $w v128) (local $a v128) (local $x f{bits})
    (local.set $w ({vector}.splat (local.get $weight)))
    (local.set $rest (i32.shl (local.get $count) (i32.const {shift})))
    (block $walked
      (loop $walk
        (br_if $walked (i32.lt_u (local.get $rest) (i32.const 65536)))
        (local.set $stop (i32.add (local.get $average) (i32.const 8192)))
        (loop $lines
          ;;@ range stretch: 65536 by 8192
          ;;@ range at: {step} by 16
          (v128.store offset={stretch+at} (local.get $average)
            ({vector}.add
              (local.tee $a (v128.load offset={stretch+at} (local.get $average)))
              ({vector}.mul
                ({vector}.sub (v128.load offset={stretch+at} (local.get $live)) (local.get $a))
                (local.get $w))))
          ;;@ end
          ;;@ end
          (local.set $live (i32.add (local.get $live) (i32.const {step})))
          (br_if $lines
            (i32.ne
              (local.tee $average (i32.add (local.get $average) (i32.const {step})))
              (local.get $stop))))
        (local.set $average (i32.add (local.get $average) (i32.const 57344)))
        (local.set $live (i32.add (local.get $live) (i32.const 57344)))
        (local.set $rest (i32.sub (local.get $rest) (i32.const 65536)))
        (br $walk)))
    (block $vectorsDone
      (loop $vectors
        (br_if $vectorsDone (i32.lt_u (local.get $rest) (i32.const {step})))
        ;;@ range at: {step} by 16
        (v128.store offset={at} (local.get $average)
          ({vector}.add
            (local.tee $a (v128.load offset={at} (local.get $average)))
            ({vector}.mul
              ({vector}.sub (v128.load offset={at} (local.get $live)) (local.get $a))
              (local.get $w))))
        ;;@ end
        (local.set $average (i32.add (local.get $average) (i32.const {step})))
        (local.set $live (i32.add (local.get $live) (i32.const {step})))
        (local.set $rest (i32.sub (local.get $rest) (i32.const {step})))
        (br $vectors)))
    (loop $tail
      (if (local.get $rest) (then
        (f{bits}.store (local.get $average)
          (f{bits}.add
            (local.tee $x (f{bits}.load (local.get $average)))
            (f{bits}.mul
              (f{bits}.sub (f{bits}.load (local.get $live)) (local.get $x))
              (local.get $weight))))
        (local.set $average (i32.add (local.get $average) (i32.const {size})))
        (local.set $live (i32.add (local.get $live) (i32.const {size})))
        (local.set $rest (i32.sub (local.get $rest) (i32.const {size})))
        (br $tail)))))
  ;;@ end

  ;; The value is average + residual:
  ;;   delta = ((live - average) - residual) * weight + residual
  ;;   average, residual = TwoSum(average, delta)
  ;; TwoSum (Knuth, Møller) needs no order of magnitudes; Fast2Sum would be wrong where
  ;; |delta| > |average|, as at 0.
  ;;@ each bits vector shift size: 32 f32x4 2 4, 64 f64x2 3 8
  (func (export "averageCompensated{bits}")
    (param $average i32) (param $residual i32) (param $live i32)
    (param $count i32) (param $weight f{bits})
    (local $rest i32) (local $half i32) (local $stop i32)
    (local $farAverage i32) (local $farResidual i32) (local $farLive i32)
    (local $w v128) (local $a v128) (local $c v128) (local $d v128) (local $s v128) (local $b v128)
    (local $a1 f{bits}) (local $c1 f{bits}) (local $d1 f{bits})
    (local $s1 f{bits}) (local $b1 f{bits})
    (local.set $w ({vector}.splat (local.get $weight)))
    (local.set $rest (i32.shl (local.get $count) (i32.const {shift})))
    (block $paired
      (loop $pairs
        (br_if $paired (i32.eqz (local.tee $half (call $half (local.get $rest) (i32.const -16)))))
        (local.set $stop (local.tee $farAverage (i32.add (local.get $average) (local.get $half))))
        (local.set $farResidual (i32.add (local.get $residual) (local.get $half)))
        (local.set $farLive (i32.add (local.get $live) (local.get $half)))
        (loop $vectors
          ;;@ each average residual live: average residual live, farAverage farResidual farLive
          (local.set $a (v128.load (local.get ${average})))
          (local.set $c (v128.load (local.get ${residual})))
          (local.set $d
            ({vector}.sub
              ({vector}.sub (v128.load (local.get ${live})) (local.get $a))
              (local.get $c)))
          (local.set $d ({vector}.add ({vector}.mul (local.get $d) (local.get $w)) (local.get $c)))
          (local.set $s ({vector}.add (local.get $a) (local.get $d)))
          (local.set $b ({vector}.sub (local.get $s) (local.get $a)))
          (v128.store (local.get ${average}) (local.get $s))
          (v128.store (local.get ${residual})
            ({vector}.add
              ({vector}.sub (local.get $a) ({vector}.sub (local.get $s) (local.get $b)))
              ({vector}.sub (local.get $d) (local.get $b))))
          ;;@ end
          (local.set $residual (i32.add (local.get $residual) (i32.const 16)))
          (local.set $live (i32.add (local.get $live) (i32.const 16)))
          (local.set $farAverage (i32.add (local.get $farAverage) (i32.const 16)))
          (local.set $farResidual (i32.add (local.get $farResidual) (i32.const 16)))
          (local.set $farLive (i32.add (local.get $farLive) (i32.const 16)))
          (br_if $vectors
            (i32.ne
              (local.tee $average (i32.add (local.get $average) (i32.const 16)))
              (local.get $stop))))
        (local.set $average (local.get $farAverage))
        (local.set $residual (local.get $farResidual))
        (local.set $live (local.get $farLive))
        (local.set $rest (i32.sub (local.get $rest) (i32.shl (local.get $half) (i32.const 1))))
        (br $pairs)))
    (loop $tail
      (if (local.get $rest) (then
        (local.set $a1 (f{bits}.load (local.get $average)))
        (local.set $c1 (f{bits}.load (local.get $residual)))
        (local.set $d1
          (f{bits}.sub
            (f{bits}.sub (f{bits}.load (local.get $live)) (local.get $a1))
            (local.get $c1)))
        (local.set $d1
          (f{bits}.add (f{bits}.mul (local.get $d1) (local.get $weight)) (local.get $c1)))
        (local.set $s1 (f{bits}.add (local.get $a1) (local.get $d1)))
        (local.set $b1 (f{bits}.sub (local.get $s1) (local.get $a1)))
        (f{bits}.store (local.get $average) (local.get $s1))
        (f{bits}.store (local.get $residual)
          (f{bits}.add
            (f{bits}.sub (local.get $a1) (f{bits}.sub (local.get $s1) (local.get $b1)))
            (f{bits}.sub (local.get $d1) (local.get $b1))))
        (local.set $average (i32.add (local.get $average) (i32.const {size})))
        (local.set $residual (i32.add (local.get $residual) (i32.const {size})))
        (local.set $live (i32.add (local.get $live) (i32.const {size})))
        (local.set $rest (i32.sub (local.get $rest) (i32.const {size})))
        (br $tail)))))
  ;;@ end

  ;; NaN and the infinities are the values whose exponent bits are all ones: the largest of the bits
  ;; without their sign decides, taken as integers, which subnormal numbers do not slow down. In
  ;; 32-bit words a float64 is a low one, which $lowMask blanks out, and one with the exponent; in
  ;; float32 all words are alike.
  (func (export "allBelow")
    (param $data i32) (param $rest i32) (param $lowMask i32) (param $limit i32) (result i32)
    (local $stop i32) (local $mask v128) (local $m0 v128) (local $m1 v128)
    (local.set $mask
      (i64x2.splat
        (i64.or (i64.const 0x7fffffff00000000) (i64.extend_i32_u (local.get $lowMask)))))
    (local.set $stop (i32.add (local.get $data) (i32.and (local.get $rest) (i32.const -64))))
    (block $blocksDone
      (loop $blocks
        (br_if $blocksDone (i32.eq (local.get $data) (local.get $stop)))
        ;;@ each m at: m0 0, m1 16, m0 32, m1 48
        (local.set ${m}
          (i32x4.max_s
            (local.get ${m})
            (v128.and (v128.load offset={at} (local.get $data)) (local.get $mask))))
        ;;@ end
        (local.set $data (i32.add (local.get $data) (i32.const 64)))
        (br $blocks)))
    (local.set $rest (i32.and (local.get $rest) (i32.const 63)))
    (loop $tail
      (if (local.get $rest) (then
        ;; Of a float64, the upper word comes when an odd number of words is left.
        (local.set $m0
          (i32x4.max_s
            (local.get $m0)
            (i32x4.splat
              (i32.and
                (i32.load (local.get $data))
                (select
                  (i32.const 0x7fffffff)
                  (local.get $lowMask)
                  (i32.and (local.get $rest) (i32.const 4)))))))
        (local.set $data (i32.add (local.get $data) (i32.const 4)))
        (local.set $rest (i32.sub (local.get $rest) (i32.const 4)))
        (br $tail))))
    (i32.eqz
      (v128.any_true
        (i32x4.ge_s
          (i32x4.max_s (local.get $m0) (local.get $m1))
          (i32x4.splat (local.get $limit)))))))
