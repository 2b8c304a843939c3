// The page before anything is drawn.

const code = `const backend = tfjsBackend(tf);
const averaged = new AveragedModel(modelParameters(model), { backend });
for (let step = 1; step &lt;= steps; step += 1) {
  optimizer.minimize(() => loss(model, nextBatch()));
  if (step > swaStart &amp;&amp; step % swaFreq === 0) await averaged.update();
}
await averaged.swap({ batchNorm: { model: batchNormModel(tf, model), loader } });`;

const legend = `
  <ul class="pg-legend">
    <li><span class="pg-key pg-live"></span>SGD</li>
    <li><span class="pg-key pg-decayed"></span>SGD with a falling rate</li>
    <li><span class="pg-key pg-average"></span><span data-text="rule-name">SWA</span></li>
  </ul>`;

export const template = `
<header>
  <h1>SGD bounces. Its average doesn't.</h1>
  <p>At a constant learning rate, SGD goes on bouncing between the walls of a valley of the loss.
    The average of the weights it visits lies on the flat floor, and predicts better.</p>
</header>

<div class="pg-bar">
  <button type="button" class="pg-primary" data-do="train">Train</button>
  <button type="button" data-do="pause" disabled>Pause</button>
  <p role="status" data-text="status"></p>
</div>
<p class="pg-error" role="alert" data-text="failure" hidden></p>
<label class="pg-scrubber">
  <span>Epoch <output data-text="epoch"></output></span>
  <input type="range" min="1" max="1" value="1" step="1" data-input="epoch" />
</label>
${legend}

<div class="pg-pair">
  <figure>
    <h2>The valley</h2>
    <svg role="img" data-chart="valley" class="pg-valley"></svg>
    <figcaption data-text="valley"></figcaption>
  </figure>
  <figure>
    <h2>Accuracy</h2>
    <h3>Test, correct labels</h3>
    <svg role="img" data-chart="test"></svg>
    <h3>Training, with the wrong labels</h3>
    <svg role="img" data-chart="train"></svg>
    <details>
      <summary>Accuracy in numbers</summary>
      <div data-table="accuracy"></div>
    </details>
  </figure>
</div>

<div class="pg-pair">
  <figure>
    <h2><span class="pg-key pg-live"></span>What SGD predicts</h2>
    <canvas role="img" data-canvas="live" class="pg-picture"></canvas>
    <figcaption data-text="live"></figcaption>
  </figure>
  <figure>
    <h2><span class="pg-key pg-average"></span>What the average predicts</h2>
    <canvas role="img" data-canvas="average" class="pg-picture"></canvas>
    <figcaption data-text="average"></figcaption>
  </figure>
</div>

<div class="pg-pair">
  <form data-form="controls">
    <fieldset>
      <legend>While it runs</legend>
      <label>Learning rate
        <input type="number" name="rate" min="0.001" max="2" step="any" required /></label>
      <label>Averaging starts after epoch
        <input type="number" name="swaStart" min="0" max="1000" step="1" required /></label>
      <label>Average the weights <select name="swaFreq"></select></label>
      <label>Rule
        <select name="rule">
          <option value="equal">equal weights: SWA</option>
          <option value="exponential">exponential, decay 0.9: EMA</option>
          <option value="power">power function, gamma 6.94</option>
        </select></label>
      <p class="pg-note">A new start begins the averages anew. All three rules are kept at once, so
        the curve of each is complete; the pictures follow the rule from then on.</p>
    </fieldset>
  </form>
  <form data-form="settings">
    <fieldset>
      <legend>For a new run</legend>
      <label>Task
        <select name="task">
          <option value="spirals">three spirals, 99 weights</option>
          <option value="mnist">MNIST, with batch norm</option>
        </select></label>
      <label>Wrong labels
        <select name="noise">
          <option value="0">none</option>
          <option value="0.1">10 % random</option>
          <option value="0.2">20 % random</option>
          <option value="0.3">30 % random</option>
        </select></label>
      <label>Seed <input type="number" name="seed" min="1" max="9999" step="1" required /></label>
      <label>Backend
        <select name="backend">
          <option value="wasm">wasm</option>
          <option value="webgl">webgl</option>
          <option value="webgpu">webgpu</option>
        </select></label>
      <p class="pg-note"><strong>Train</strong> starts it. <span data-text="kept"></span></p>
    </fieldset>
  </form>
</div>

<div class="pg-pair">
  <figure>
    <h2>Flatness</h2>
    <svg role="img" data-chart="flatness"></svg>
    <figcaption data-text="flatness"></figcaption>
    <details>
      <summary>Flatness in numbers</summary>
      <div data-table="flatness"></div>
    </details>
  </figure>
  <section>
    <h2>The network, now</h2>
    <p data-text="held"></p>
    <div class="pg-buttons">
      <button type="button" data-do="swap" disabled>Swap in the average</button>
      <button type="button" data-do="bn" disabled>Update batch norm</button>
    </div>
    <h2>Soup of snapshots</h2>
    <p class="pg-note">Choose epochs, here or as dots in the valley. Their mean is one network.</p>
    <div class="pg-chips" data-list="snapshots" role="group" aria-label="Snapshots"></div>
    <div class="pg-buttons">
      <button type="button" data-do="soup" disabled>Merge into a soup</button>
    </div>
    <p role="status" data-text="soup"></p>
    <h2>Take the average home</h2>
    <div class="pg-buttons">
      <button type="button" data-do="safetensors" disabled>safetensors</button>
      <button type="button" data-do="tfjs" disabled>TensorFlow.js model</button>
    </div>
    <p class="pg-note" data-text="cost"></p>
  </section>
</div>

<section>
  <h2>In your code</h2>
  <pre tabindex="0"><code>${code}</code></pre>
</section>

<section>
  <h2>What you are not seeing</h2>
  <ul>
    <li>The task was picked from about 50 because the effect is large in it. Without wrong labels,
      SGD with a falling rate is as good as SWA: <span data-text="right-labels"></span>, the means
      of eight seeds. At a rate of 0.1 it almost is: <span data-text="low-rate"></span>. Try
      both.</li>
    <li>The valley has two directions of the 99 that this network has. The average is in the middle
      because it is the origin of the plane. Paths are projections, so only the contours are
      evidence. The axes have scales of their own, and the steepest quarter has one colour.</li>
    <li>SGD with a falling rate fits the training labels best, the wrong ones included. The gain of
      the average is on the test data.</li>
    <li>This is one seed, chosen among eight for its picture. The table has the test accuracy of all
      eight after the last epoch.</li>
    <li>Training is slowed down to 10 epochs a second, to be watched.</li>
  </ul>
  <div data-table="seeds"></div>
</section>
`;
