;; The averaging kernel: one pass over operands that lie in one memory. Lines that begin with `;;@`
;; write a block several times; scripts/assemble-kernel.js says how, and puts the assembled module
;; into kernel-bytes.ts. kernel-js.ts does the same roundings in the same order, so that results
;; agree bit for bit.
;;
;; An update writes into other memory than it reads, so that nothing is lost where its result is
;; refused. It returns 1 where an element of the new average is not finite, plus 2 where one of the
;; live weights differs from the average:
;;   $bad gathers the bits of x - x, which is +0 for every finite x and NaN for all others;
;;   $moved those of live - average, which is a zero of either sign only where they are equal.
;;
;; Each vector of a step gathers on its own: one chain for all would take longer than the rest of
;; the step. Whole pages come first, in a loop with the least overhead.
;;
;; Loops end on equality and not on order: the end of an operand may be 2^32, which wraps to 0. The
;; last elements are loaded into vectors of zeros, one a vector.
(module
  (import "polyak" "memory" (memory 4))

  ;; to = average + weight * (live - average)
  ;;@ each bits vector shift size: 32 f32x4 2 4, 64 f64x2 3 8
  (func (export "average{bits}")
    (param $to i32) (param $average i32) (param $live i32) (param $count i32)
    (param $weight f{bits}) (result i32)
    (local $rest i32) (local $stop i32) (local $w v128) (local $a v128) (local $d v128)
    (local $s v128)
    (local $bad0 v128) (local $moved0 v128)
    (local $bad16 v128) (local $moved16 v128)
    (local $bad32 v128) (local $moved32 v128)
    (local $bad48 v128) (local $moved48 v128)
    (local.set $w ({vector}.splat (local.get $weight)))
    (local.set $rest (i32.shl (local.get $count) (i32.const {shift})))
    ;;@ each name span step: pages 4096 64, steps 64 64
    (block $done{name}
      (loop ${name}
        (br_if $done{name} (i32.lt_u (local.get $rest) (i32.const {span})))
        (local.set $stop (i32.add (local.get $to) (i32.const {span})))
        (loop $lines{name}
          ;;@ range at: {step} by 16
          (v128.store offset={at} (local.get $to)
            (local.tee $s
              ({vector}.add
                (local.tee $a (v128.load offset={at} (local.get $average)))
                ({vector}.mul
                  (local.tee $d
                    ({vector}.sub (v128.load offset={at} (local.get $live)) (local.get $a)))
                  (local.get $w)))))
          (local.set $moved{at} (v128.or (local.get $moved{at}) (local.get $d)))
          (local.set $bad{at}
            (v128.or (local.get $bad{at}) ({vector}.sub (local.get $s) (local.get $s))))
          ;;@ end
          (local.set $average (i32.add (local.get $average) (i32.const {step})))
          (local.set $live (i32.add (local.get $live) (i32.const {step})))
          (br_if $lines{name}
            (i32.ne
              (local.tee $to (i32.add (local.get $to) (i32.const {step})))
              (local.get $stop))))
        (local.set $rest (i32.sub (local.get $rest) (i32.const {span})))
        (br ${name})))
    ;;@ end
    (loop $tail
      (if (local.get $rest) (then
        (v128.store{bits}_lane 0 (local.get $to)
          (local.tee $s
            ({vector}.add
              (local.tee $a (v128.load{bits}_zero (local.get $average)))
              ({vector}.mul
                (local.tee $d
                  ({vector}.sub (v128.load{bits}_zero (local.get $live)) (local.get $a)))
                (local.get $w)))))
        (local.set $moved0 (v128.or (local.get $moved0) (local.get $d)))
        (local.set $bad0 (v128.or (local.get $bad0) ({vector}.sub (local.get $s) (local.get $s))))
        (local.set $to (i32.add (local.get $to) (i32.const {size})))
        (local.set $average (i32.add (local.get $average) (i32.const {size})))
        (local.set $live (i32.add (local.get $live) (i32.const {size})))
        (local.set $rest (i32.sub (local.get $rest) (i32.const {size})))
        (br $tail))))
    (i32.or
      (v128.any_true
      (v128.or
        (v128.or (local.get $bad0) (local.get $bad16))
        (v128.or (local.get $bad32) (local.get $bad48))))
      (i32.shl
        (v128.any_true ({vector}.abs
          (v128.or
        (v128.or (local.get $moved0) (local.get $moved16))
        (v128.or (local.get $moved32) (local.get $moved48)))))
        (i32.const 1))))
  ;;@ end

  ;; The value is average + residual:
  ;;   delta = ((live - average) - residual) * weight + residual
  ;;   to, toResidual = TwoSum(average, delta)
  ;; TwoSum (Knuth, Møller) needs no order of magnitudes; Fast2Sum would be wrong where
  ;; |delta| > |average|, as at 0. The residual is finite only where the average is.
  ;;@ each bits vector shift size: 32 f32x4 2 4, 64 f64x2 3 8
  (func (export "averageCompensated{bits}")
    (param $to i32) (param $toResidual i32)
    (param $average i32) (param $residual i32) (param $live i32) (param $count i32)
    (param $weight f{bits}) (result i32)
    (local $rest i32) (local $stop i32) (local $w v128) (local $a v128) (local $c v128)
    (local $d v128) (local $s v128) (local $b v128)
    (local $bad0 v128) (local $moved0 v128)
    (local $bad16 v128) (local $moved16 v128)
    (local.set $w ({vector}.splat (local.get $weight)))
    (local.set $rest (i32.shl (local.get $count) (i32.const {shift})))
    ;;@ each name span step: pages 4096 32, steps 32 32
    (block $done{name}
      (loop ${name}
        (br_if $done{name} (i32.lt_u (local.get $rest) (i32.const {span})))
        (local.set $stop (i32.add (local.get $to) (i32.const {span})))
        (loop $lines{name}
          ;;@ range at: {step} by 16
          (local.set $a (v128.load offset={at} (local.get $average)))
          (local.set $c (v128.load offset={at} (local.get $residual)))
          (local.set $d
            ({vector}.sub (v128.load offset={at} (local.get $live)) (local.get $a)))
          (local.set $moved{at} (v128.or (local.get $moved{at}) (local.get $d)))
          (local.set $d
            ({vector}.add
              ({vector}.mul ({vector}.sub (local.get $d) (local.get $c)) (local.get $w))
              (local.get $c)))
          (local.set $s ({vector}.add (local.get $a) (local.get $d)))
          (local.set $b ({vector}.sub (local.get $s) (local.get $a)))
          (v128.store offset={at} (local.get $to) (local.get $s))
          (v128.store offset={at} (local.get $toResidual)
            (local.tee $s
              ({vector}.add
                ({vector}.sub (local.get $a) ({vector}.sub (local.get $s) (local.get $b)))
                ({vector}.sub (local.get $d) (local.get $b)))))
          (local.set $bad{at}
            (v128.or (local.get $bad{at}) ({vector}.sub (local.get $s) (local.get $s))))
          ;;@ end
          (local.set $toResidual (i32.add (local.get $toResidual) (i32.const {step})))
          (local.set $average (i32.add (local.get $average) (i32.const {step})))
          (local.set $residual (i32.add (local.get $residual) (i32.const {step})))
          (local.set $live (i32.add (local.get $live) (i32.const {step})))
          (br_if $lines{name}
            (i32.ne
              (local.tee $to (i32.add (local.get $to) (i32.const {step})))
              (local.get $stop))))
        (local.set $rest (i32.sub (local.get $rest) (i32.const {span})))
        (br ${name})))
    ;;@ end
    (loop $tail
      (if (local.get $rest) (then
        (local.set $a (v128.load{bits}_zero (local.get $average)))
        (local.set $c (v128.load{bits}_zero (local.get $residual)))
        (local.set $d
          ({vector}.sub (v128.load{bits}_zero (local.get $live)) (local.get $a)))
        (local.set $moved0 (v128.or (local.get $moved0) (local.get $d)))
        (local.set $d
          ({vector}.add
            ({vector}.mul ({vector}.sub (local.get $d) (local.get $c)) (local.get $w))
            (local.get $c)))
        (local.set $s ({vector}.add (local.get $a) (local.get $d)))
        (local.set $b ({vector}.sub (local.get $s) (local.get $a)))
        (v128.store{bits}_lane 0 (local.get $to) (local.get $s))
        (v128.store{bits}_lane 0 (local.get $toResidual)
          (local.tee $s
            ({vector}.add
              ({vector}.sub (local.get $a) ({vector}.sub (local.get $s) (local.get $b)))
              ({vector}.sub (local.get $d) (local.get $b)))))
        (local.set $bad0 (v128.or (local.get $bad0) ({vector}.sub (local.get $s) (local.get $s))))
        (local.set $to (i32.add (local.get $to) (i32.const {size})))
        (local.set $toResidual (i32.add (local.get $toResidual) (i32.const {size})))
        (local.set $average (i32.add (local.get $average) (i32.const {size})))
        (local.set $residual (i32.add (local.get $residual) (i32.const {size})))
        (local.set $live (i32.add (local.get $live) (i32.const {size})))
        (local.set $rest (i32.sub (local.get $rest) (i32.const {size})))
        (br $tail))))
    (i32.or
      (v128.any_true
      (v128.or (local.get $bad0) (local.get $bad16)))
      (i32.shl
        (v128.any_true ({vector}.abs
          (v128.or (local.get $moved0) (local.get $moved16))))
        (i32.const 1))))
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
